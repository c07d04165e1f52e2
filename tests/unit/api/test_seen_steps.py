"""A watcher's next view costs what has changed, and says the same as one that is made anew."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.api.views.saga_view import saga_view, step_views
from orchestrator.api.views.seen_steps import SeenSteps, paced
from orchestrator.contract.command import Effect
from orchestrator.journal.export import read_journal
from orchestrator.journal.progress import steps
from orchestrator.journal.state import CommandState, CompensationState, SagaState, Status, StepOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FOLDER = Path(__file__).parents[2] / "golden"
GOLDEN = sorted(file for file in FOLDER.glob("*.json") if not file.name.endswith(".account.json"))


def rolling_back(commands: int) -> SagaState:
    """A saga amid its rollback."""
    state = SagaState("saga-1")
    state.status = Status.RUNNING
    for number in range(commands):
        key = f"n{number}/Room.Hold#1"
        state.commands[key] = CommandState(key, "room.v1.Room.Hold", Effect.COMPENSABLE, b"", 1, False)
        state.settle(key, StepOutcome.COMPLETED, 2, 1)
        state.commands[key].compensation = CompensationState("room.v1.Room.Drop", b"", 3, commands - number)
    state.status = Status.COMPENSATING
    return state


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_after_each_entry_of_a_saga_a_watcher_sees_what_anybody_sees(file: Path) -> None:
    journal = read_journal(file.read_text())
    state, seen = SagaState(journal.saga_id), SeenSteps()

    for entry in journal.entries:
        entry.apply(state)
        assert saga_view(state, None, steps_seen=seen.view) == saga_view(state, None)


def test_only_steps_that_have_changed_are_made_anew() -> None:
    state, seen = rolling_back(50), SeenSteps()
    before = step_views(state, None, seen.view)
    undone, following = state.commands["n49/Room.Hold#1"], state.commands["n48/Room.Hold#1"]
    assert undone.compensation is not None
    undone.compensation.ended_at = 9

    after = step_views(state, None, seen.view)

    anew = {step.key for step, seen_before in zip(after, before, strict=True) if step is not seen_before}
    assert anew == {undone.key, following.key}


def test_a_view_amid_a_rollback_grows_with_the_commands_and_not_with_their_square() -> None:
    state = rolling_back(5000)
    began = time.perf_counter()

    assert len(steps(state, None)) == 5000

    assert time.perf_counter() - began < 2  # with their square, it is a minute


class Clock:
    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def _watched(*statuses: Status) -> AsyncIterator[SagaState]:
    for status in statuses:
        state = SagaState("saga-1")
        state.status = status
        yield state


async def test_after_a_view_that_took_long_the_next_comes_later_but_the_end_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", iter([0.0, 0.04, 1.0, 6.0, 7.0, 7.04]).__next__)
    states = _watched(Status.COMPENSATING, Status.COMPENSATING, Status.COMPENSATED)

    shown = [status async for status in paced(states, lambda state: state.status, clock)]  # type: ignore[arg-type]  # enough of one

    assert shown == [Status.COMPENSATING, Status.COMPENSATING, Status.COMPENSATED]
    assert clock.slept == [pytest.approx(0.8)]


async def test_the_delay_after_a_view_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", iter([0.0, 5.0, 6.0, 6.0]).__next__)

    async for _ in paced(_watched(Status.RUNNING, Status.RUNNING), lambda state: state, clock):  # type: ignore[arg-type]  # enough of one
        pass

    assert clock.slept == [2.0]


async def test_views_of_small_sagas_are_not_delayed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", iter([0.0, 0.0005, 6.0, 6.0]).__next__)

    async for _ in paced(_watched(Status.RUNNING, Status.RUNNING), lambda state: state, clock):  # type: ignore[arg-type]  # enough of one
        pass

    assert clock.slept == []
