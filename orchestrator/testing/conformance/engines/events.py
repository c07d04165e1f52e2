"""What sagas tell others: each sink in order, once nothing makes it untrue, with the same id at every delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.errors import CancelRefused
from orchestrator.journal.acts import Act
from orchestrator.journal.state import Status
from orchestrator.ports.sink import NotTaken
from orchestrator.testing.conformance.engines.answers import ADA, REJECTED, decision
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.raising import raises
from orchestrator.testing.conformance.engines.sagas import (
    TOLD,
    announced,
    announced_delivery,
    announced_parcel,
    approved_delivery,
    approved_parcel,
    talkative,
)
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.ports.outbox import KeptEvent
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios(with_sink=True)

_AWAY: Final = NotTaken("nobody is there", answered=False)
_WHOLE: Final = ["SagaStarted", "at once", "before the pivot", "after the pivot", "SagaCompleted"]


def _words(events: Iterable[KeptEvent], saga_id: str) -> list[str]:
    """What was told of a saga: what its code said, or what its life is; what is told again is left out."""
    by_id = {kept.event.event_id: kept.event for kept in events if kept.event.saga_id == saga_id}
    placed = OrderPlaced.DESCRIPTOR.full_name
    return [
        OrderPlaced.FromString(event.payload).order_id if event.type == placed else event.type.rpartition(".")[2]
        for event in by_id.values()
    ]


async def _are_told(stage: Stage, saga_id: str, last: str) -> list[str]:
    """What was told of a saga, once this was."""

    async def is_told() -> bool:
        return last in _words(stage.sink.told, saga_id)

    await stage.eventually(is_told)
    return _words(stage.sink.told, saga_id)


@scenario()
async def events_are_told_in_their_order(stage: Stage) -> None:
    """The life of the saga, too; each is about its saga, and a later one has a later position."""
    await stage.run(announced, "announced-1")

    assert await _are_told(stage, "announced-1", "SagaCompleted") == _WHOLE
    told = [kept for kept in stage.sink.told if kept.event.saga_id == "announced-1"]
    positions = [kept.position for kept in told]
    assert positions == sorted(set(positions))
    assert {kept.event.definition for kept in told} == {"announced"}
    assert [kept.event.provisional for kept in told] == [False, True, False, False, False]


@scenario()
async def an_event_is_held_until_the_pivot_is_accepted(stage: Stage) -> None:
    """What is told at once is told before."""
    answer = stage.hold("CapturePayment")
    await stage.start(announced, "announced-1")
    await answer.asked.wait()

    before = await _are_told(stage, "announced-1", "at once")
    answer.give()

    assert before == ["SagaStarted", "at once"]
    assert await _are_told(stage, "announced-1", "SagaCompleted") == _WHOLE


@scenario()
async def a_rollback_drops_what_is_held(stage: Stage) -> None:
    """Nobody is ever told of what did not happen."""
    stage.participants.scripts["CapturePayment"] = [REJECTED]

    state = await stage.run(announced, "announced-1")

    assert state.status is Status.COMPENSATED
    told = await _are_told(stage, "announced-1", "SagaCompensated")
    assert told == ["SagaStarted", "at once", "SagaCompensated"]


@scenario()
async def an_event_is_told_again_with_the_same_id_after_a_kill(stage: Stage) -> None:
    """A receiver that remembers ids acts once on each."""
    stage.sink.answer = lambda _event: _AWAY  # it has heard, and its answers are lost
    answer = stage.hold("CapturePayment")
    await stage.start(announced, "announced-1")
    await answer.asked.wait()

    async def is_heard() -> bool:
        return bool(stage.sink.asked)

    await stage.eventually(is_heard)
    await stage.engine.restart()
    answer.give()
    await stage.rests("announced-1")
    stage.sink.answer = lambda _event: None

    assert await _are_told(stage, "announced-1", "SagaCompleted") == _WHOLE
    assert _words(stage.sink.asked, "announced-1") == _WHOLE


@scenario()
async def what_was_told_before_a_kill_is_not_forgotten(stage: Stage) -> None:
    """The order is kept, and each event has one id."""
    answer = stage.hold("SendConfirmation")
    await stage.start(announced, "announced-1")
    await answer.asked.wait()
    await _are_told(stage, "announced-1", "before the pivot")

    await stage.engine.restart()
    answer.give()
    await stage.rests("announced-1")

    assert await _are_told(stage, "announced-1", "SagaCompleted") == _WHOLE


@scenario()
async def a_sink_that_takes_nothing_holds_up_no_saga(stage: Stage) -> None:
    """Nor an act; and what it was not told, it is told when it is back."""
    stage.sink.answer = lambda _event: _AWAY

    state = await stage.run(announced, "announced-1")
    async with raises(CancelRefused, "SAGA_ENDED"):
        await stage.sagas.act(Act.CANCEL, "announced-1", "far too late", ADA)
    stage.sink.answer = lambda _event: None

    assert state.status is Status.COMPLETED
    assert await _are_told(stage, "announced-1", "SagaCompleted") == _WHOLE


@scenario()
async def many_events_of_one_saga_are_told_in_their_order(stage: Stage) -> None:
    """However long it is."""
    await stage.run(talkative, "talkative-1")

    lines = [f"line {number}" for number in range(TOLD)]
    assert await _are_told(stage, "talkative-1", "SagaCompleted") == ["SagaStarted", *lines, "SagaCompleted"]


@scenario()
async def what_a_child_tells_its_parent_holds(stage: Stage) -> None:
    """It is told after all that the child has told by itself, also where that takes longer."""
    code = OrderPlaced.DESCRIPTOR.full_name

    def without_its_life(kept: KeptEvent) -> NotTaken | None:
        return _AWAY if kept.event.definition == announced_parcel.name and kept.event.type != code else None

    stage.sink.answer = without_its_life

    state = await stage.run(announced_delivery, "delivery-1")
    stage.sink.answer = lambda _event: None

    (key,) = [each for each in state.commands if announced_parcel.name in each]
    assert await _are_told(stage, f"delivery-1/{key}", "of the child") == [
        "SagaStarted",
        "SagaCompleted",
        "of the child",
    ]
    told = await _are_told(stage, "delivery-1", "SagaCompleted")
    assert told == ["SagaStarted", "of the parent", "SagaCompleted"]


@scenario()
async def what_a_child_tells_its_parent_holds_where_a_person_says_what_came_of_the_child(stage: Stage) -> None:
    """The child completes while its parent is suspended, which then does not ask for the result."""
    key = f"saga.{approved_parcel.name}#1"
    child_id = f"delivery-1/{key}"

    async def is_there() -> bool:
        return bool(await stage.sagas.entries(child_id))

    await stage.start(approved_delivery, "delivery-1")
    await stage.eventually(is_there)
    for saga_id in (child_id, "delivery-1"):
        await stage.sagas.act(Act.PAUSE, saga_id, "wait", ADA)
    await stage.sagas.act(Act.RESUME, child_id, "go on", ADA)
    await stage.sagas.signal(child_id, decision("yes"))
    await stage.comes_to(child_id, Status.COMPLETED)

    resolved = await stage.sagas.resolve_outcome(
        "delivery-1",
        key,
        took_effect=True,
        reply=Receipt(order_id=child_id).SerializeToString(),
        evidence="the child has completed",
        requested_by=ADA,
    )
    before = await _are_told(stage, child_id, "SagaCompleted")
    await stage.sagas.act(Act.RESUME, "delivery-1", "go on", ADA)

    assert resolved.status is Status.SUSPENDED
    assert before == ["SagaStarted", "SagaSuspended", "SagaCompleted"]
    assert await _are_told(stage, child_id, "of the child") == [*before, "of the child"]


@scenario()
async def what_a_child_tells_is_dropped_with_its_parent(stage: Stage) -> None:
    """The child has completed, and is rolled back."""
    stage.participants.scripts["CapturePayment"] = [REJECTED]

    state = await stage.run(announced_delivery, "delivery-1")

    (key,) = [each for each in state.commands if announced_parcel.name in each]
    told = await _are_told(stage, f"delivery-1/{key}", "SagaCompensated")
    assert told == ["SagaStarted", "SagaCompleted", "SagaCompensated"]
    assert await _are_told(stage, "delivery-1", "SagaCompensated") == ["SagaStarted", "SagaCompensated"]
