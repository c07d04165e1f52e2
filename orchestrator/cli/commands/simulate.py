"""``orchestrator simulate``: sagas in simulated worlds, one for each seed, held to the promises."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from orchestrator.cli.loading.modules import load_definitions
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import ExitCode, errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.testing.simulation import Outcome, SagasUnderTest

    Definition = SagaDefinition[Any, Any, Any]

_EVERY_SECONDS: Final = 5.0
_OURS: Final = ("orchestrator.shop", "orchestrator.testing.simulation.example_sagas")
"""What is simulated where no module is named: these sagas use all that sagas can do, which tests the engine."""


def simulate(
    sagas: Annotated[
        list[str] | None,
        typer.Option(help="A module with sagas; may be repeated. Default: our own.  \\[env: ORCHESTRATOR_SAGAS]"),
    ] = None,
    overlay: OverlayOption = None,
    saga: Annotated[str | None, typer.Option(help="Start only this one, by its name. Default: all of them.")] = None,
    saga_input: Annotated[
        Path | None, typer.Option("--input", help="A file of JSON with its input. Default: made up.")
    ] = None,
    examples: Annotated[
        Path | None, typer.Option(help="A file of JSON with replies, by the rpc. Default: made up.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many worlds to simulate.")] = 1000,
    start: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Only this seed, with everything that happens.")] = None,
) -> None:
    """Simulate sagas in worlds where everything goes wrong; exit with 1 at the first broken promise.

    Several replicas run them; the participants are made from the contracts. A seed always makes the same world.
    """
    # Imported here, as they bring protovalidate and gRPC with them, which other commands do without.
    from orchestrator.store.memory.journal import MemoryJournal  # noqa: PLC0415
    from orchestrator.testing.simulation import simulate as simulate_world  # noqa: PLC0415

    choice = _Choice(tuple(sagas or ()), tuple(overlay or ()), saga, saga_input, examples)
    with errors_reported():
        under_test = _sagas_under_test(choice)
    if seed is not None:
        outcome = simulate_world(seed, MemoryJournal, under_test)
        _tell_world(outcome, choice, outcome.timeline.lines())
        if not wants_json():
            typer.echo(f"seed {seed}: {_told(Counter(outcome.ends))}; every promise was kept")
        return
    progress = _Progress()
    for outcome in (simulate_world(each, MemoryJournal, under_test) for each in range(start, start + seeds)):
        progress.note(outcome)
        if outcome.broken:
            _tell_world(outcome, choice, outcome.timeline.lines(about=outcome.broken[0].saga_id))
    if wants_json():
        print_json(progress.as_json())
    else:
        typer.echo(f"{progress}; every promise was kept with the seeds {start} to {start + seeds - 1}")
    for never in [each for each, _ in under_test.starts if each.name not in progress.completed]:
        say(f"note: {never} has never completed; give an --input or --examples with which it does")


class _Choice(NamedTuple):
    """What the command was asked to simulate; see its options."""

    modules: tuple[str, ...]
    overlays: tuple[Path, ...]
    saga: str | None
    saga_input: Path | None
    examples: Path | None

    def command(self, seed: int) -> str:
        """The command that shows one world of it."""
        options = [f"--sagas {module}" for module in self.modules]
        options += [f"--overlay {overlay}" for overlay in self.overlays]
        options += [
            f"--{name} {value}"
            for name, value in (("saga", self.saga), ("input", self.saga_input), ("examples", self.examples))
            if value
        ]
        return " ".join(["orchestrator simulate", *options, f"--seed {seed}"])


def _sagas_under_test(choice: _Choice) -> SagasUnderTest:
    from orchestrator.settings import read_settings  # noqa: PLC0415 - as above
    from orchestrator.testing.examples import read_examples, read_input  # noqa: PLC0415 - as above
    from orchestrator.testing.simulation import sagas_under_test  # noqa: PLC0415 - as above

    modules = choice.modules or read_settings().sagas
    definitions = load_definitions(modules or _OURS, choice.overlays)
    started = _started(definitions, choice)
    saga_input, examples = choice.saga_input, choice.examples
    return sagas_under_test(
        definitions,
        started=[started] if started else None,
        inputs={started.name: [read_input(started, saga_input)]} if started and saga_input else None,
        examples=read_examples(started, examples) if started and examples else None,
        varies_contracts=not modules,
    )


def _started(definitions: Sequence[Definition], choice: _Choice) -> Definition | None:
    """The one saga that is started, its newest version; ``None`` for all."""
    chosen = [each for each in definitions if choice.saga in {each.name, str(each)}]
    listed = ", ".join(map(str, definitions))
    if choice.saga is not None and not chosen:
        refuse(f"there is no saga {choice.saga!r}; there are: {listed}")
    if chosen or not (choice.saga_input or choice.examples):
        return chosen[-1] if chosen else None
    if len(definitions) > 1:
        refuse(f"--input and --examples are for one saga; name it with --saga: {listed}")
    return definitions[0]


class _Progress:
    """How far a run has come.

    Attributes:
        completed: the names of the definitions of which a saga has completed.
    """

    def __init__(self) -> None:
        self._began = self._told_at = time.monotonic()
        self._worlds = 0
        self._ends: Counter[str] = Counter()
        self.completed: set[str] = set()

    def note(self, outcome: Outcome) -> None:
        """One more world; says so now and then."""
        self._worlds += 1
        self._ends.update(outcome.ends)
        self.completed |= outcome.completed
        if time.monotonic() - self._told_at > _EVERY_SECONDS:
            self._told_at = time.monotonic()
            say(str(self))

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"worlds": self._worlds, "ends": dict(self._ends), "broken": []}

    def __str__(self) -> str:
        rate = self._ends.total() / max(time.monotonic() - self._began, 1e-9)
        return f"{counted(self._worlds, 'world')}, {_told(self._ends)}; {rate:,.0f} sagas simulated per second"


def _told(ends: Counter[str]) -> str:
    by_end = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in ends.most_common())
    return f"{counted(ends.total(), 'saga')}: {by_end}"


def _tell_world(outcome: Outcome, choice: _Choice, timeline: Sequence[str]) -> None:
    """Tell what happened in one world; end the command where a promise was broken."""
    if wants_json():
        broken = list(map(str, outcome.broken))
        told = {"worlds": 1, "seed": outcome.seed, "ends": outcome.ends, "broken": broken, "timeline": timeline}
        print_json(told)
    else:
        for line in timeline:
            typer.echo(line)
    for each in outcome.broken:
        say(f"seed {outcome.seed} breaks a promise. {each}")
    if outcome.broken:
        say(f"all that happened there: {choice.command(outcome.seed)}")
        raise typer.Exit(ExitCode.WRONG)
