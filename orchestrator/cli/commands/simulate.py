"""``orchestrator simulate``: the engine in simulated worlds, one for each seed, held to its promises."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from orchestrator.testing.simulation import Outcome

_EVERY_SECONDS: Final = 5.0


def simulate(
    seeds: Annotated[int, typer.Option(min=1, help="How many worlds to simulate.")] = 1000,
    start: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Only this seed, with everything that happens.")] = None,
) -> None:
    """Simulate sagas in worlds where everything goes wrong; exit with 1 at the first broken promise."""
    # Imported here, as it brings every contract of the shop with it, which other commands do without.
    from orchestrator.store.memory import MemoryJournal  # noqa: PLC0415
    from orchestrator.testing.simulation import simulate as simulate_world  # noqa: PLC0415

    if seed is not None:
        outcome = simulate_world(seed, MemoryJournal)
        for line in outcome.timeline.lines():
            typer.echo(line)
        _judge(outcome)
        typer.echo(f"seed {seed}: {_told(Counter(outcome.ends))}; every promise was kept")
        return
    progress = _Progress()
    for outcome in (simulate_world(each, MemoryJournal) for each in range(start, start + seeds)):
        progress.note(outcome)
        if outcome.broken:
            _explain(outcome)
        _judge(outcome)
    typer.echo(f"{progress}; every promise was kept")


class _Progress:
    """How far a run has come."""

    def __init__(self) -> None:
        self._began = self._told_at = time.monotonic()
        self._worlds = 0
        self._ends: Counter[str] = Counter()

    def note(self, outcome: Outcome) -> None:
        """One more world; says so now and then."""
        self._worlds += 1
        self._ends.update(outcome.ends)
        if time.monotonic() - self._told_at > _EVERY_SECONDS:
            self._told_at = time.monotonic()
            typer.echo(str(self), err=True)

    def __str__(self) -> str:
        rate = self._ends.total() / max(time.monotonic() - self._began, 1e-9)
        return f"{counted(self._worlds, 'world')}, {_told(self._ends)}; {rate:,.0f} sagas simulated per second"


def _told(ends: Counter[str]) -> str:
    by_end = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in ends.most_common())
    return f"{counted(ends.total(), 'saga')}: {by_end}"


def _explain(outcome: Outcome) -> None:
    """What happened to the saga that was wronged."""
    for line in outcome.timeline.lines(about=outcome.broken[0].saga_id):
        typer.echo(line)


def _judge(outcome: Outcome) -> None:
    """End the command where a promise was broken."""
    if not outcome.broken:
        return
    for broken in outcome.broken:
        typer.echo(f"seed {outcome.seed} breaks a promise. {broken}", err=True)
    typer.echo(f"all that happened there: orchestrator simulate --seed {outcome.seed}", err=True)
    raise typer.Exit(1)
