"""The process that advances sagas dies: another one goes on, sends nothing twice, and never guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import REJECTED, decision
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.sagas import (
    BACKWARD,
    FORWARD,
    RECODED,
    approved,
    branches,
    sleepy,
    trip,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


def _killed_during(method: str) -> Callable[[Stage], Awaitable[None]]:
    async def run(stage: Stage) -> None:
        """What is journalled is not sent again; what was in flight is sent again, with the same key."""
        answer = stage.hold(method)
        await stage.start(trip, "trip-1")
        await answer.asked.wait()

        await stage.engine.restart()
        answer.give()
        state = await stage.rests("trip-1")

        assert state.status is Status.COMPLETED
        assert tuple(dict.fromkeys(stage.participants.methods())) == FORWARD
        for each in FORWARD:
            calls = stage.participants.of(each)
            assert len({call.key for call in calls}) == 1
            assert len({call.request for call in calls}) == 1
            assert len(calls) == 1 or each == method

    run.__name__ = f"a_kill_during_{method}_loses_nothing_and_repeats_nothing"
    return run


for _method in ("ReserveStock", "CapturePayment", "SendConfirmation"):
    scenario()(_killed_during(_method))


@scenario()
async def a_kill_during_a_rollback_changes_nothing_of_its_order(stage: Stage) -> None:
    """Each compensation is sent until it has succeeded, the last command's first."""
    stage.participants.scripts["CapturePayment"] = [REJECTED]
    answer = stage.hold("VoidAuthorization")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()

    await stage.engine.restart()
    answer.give()
    state = await stage.rests("trip-1")

    assert state.status is Status.COMPENSATED
    backward = [each for each in stage.participants.methods() if each in BACKWARD]
    assert tuple(dict.fromkeys(backward)) == BACKWARD
    assert len({call.key for call in stage.participants.of("VoidAuthorization")}) == 1


@scenario()
async def a_kill_between_branches_finds_each_where_it_was(stage: Stage) -> None:
    """Those that are done are not sent again."""
    stage.participants.scripts["ReserveStock"] = [None]
    answer = stage.hold("ReserveStock")
    await stage.start(branches, "branches-1")
    await answer.asked.wait()

    await stage.engine.restart()
    answer.give()
    state = await stage.rests("branches-1")

    assert state.status is Status.COMPLETED
    assert len({call.key for call in stage.participants.of("ReserveStock")}) == 3  # noqa: PLR2004 - one for each branch


@scenario()
async def a_parked_saga_outlives_the_process(stage: Stage) -> None:
    """The next process takes the signal."""
    await stage.start(approved, "approved-1")
    await stage.comes_to("approved-1", Status.WAITING)

    await stage.engine.restart()
    await stage.sagas.signal("approved-1", decision("yes-1"))

    assert (await stage.rests("approved-1")).status is Status.COMPLETED
    assert stage.participants.methods() == ["ReserveStock", "CapturePayment"]


@scenario()
async def code_that_no_longer_matches_its_journal_sends_nothing(stage: Stage) -> None:
    """Both sides are shown to an operator, and verify finds it without sending anything."""
    answer = stage.hold("ReserveStock")
    await stage.start(sleepy, "sleepy-1")
    await answer.asked.wait()

    await stage.engine.restart(RECODED)
    answer.give()
    state = await stage.comes_to("sleepy-1", Status.SUSPENDED)
    finding = await stage.sagas.verify("sleepy-1")

    assert state.reason is not None
    assert state.reason.code is ReasonCode.DIVERGED
    assert not finding.in_line
    assert set(stage.participants.methods()) == {"ReserveStock"}


@scenario()
async def the_journal_of_an_ended_saga_is_in_line_with_its_code(stage: Stage) -> None:
    """Verify says so."""
    await stage.run(trip, "trip-1")

    finding = await stage.sagas.verify("trip-1")

    assert finding.in_line, finding
