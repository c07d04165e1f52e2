"""What a bulk act does to each of its sagas, and what its dry run says of it beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.bulk import bookkeeping
from orchestrator.engine.bulk.facade import NewBulkAct
from orchestrator.engine.replica.acting.acts import Acts
from orchestrator.errors import BulkActRefused, InvalidInput
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.decisions import CommandDecision
from orchestrator.journal.entries import ActProposed, CompensationSkipped
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.journal.state import Status
from orchestrator.ports.bulk_acts import Answer, BulkStatus
from tests.support.bulk_acts import carried_out, pages_of, prepared, sagas_of
from tests.support.engine_world import SAGA, rejected, unknown, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orchestrator.journal.state import SagaState
    from tests.support.engine_world import EngineProcess, EngineWorld

    At = Callable[[EngineWorld], Awaitable[EngineProcess]]
    Case = tuple[Act, At, Status | str]

ADA, BOB = Actor("ada"), Actor("bob")
RESERVED = "InventoryService.ReserveStock#1"


async def running(world: EngineWorld) -> EngineProcess:
    """A saga that waits for its next attempt, for longer than a test lasts."""
    world.participants.scripts["AuthorizePayment"] = [unknown(retry_after=60)]
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: process.worker.live[SAGA].backs_off)
    return process


async def completed(world: EngineWorld) -> EngineProcess:
    process = await world.open()
    await process.run()
    return process


async def compensated(world: EngineWorld) -> EngineProcess:
    world.participants.scripts["ReserveStock"] = [rejected()]
    return await completed(world)


async def suspended_past_the_pivot(world: EngineWorld) -> EngineProcess:
    world.participants.scripts["SendConfirmation"] = [rejected()]
    return await completed(world)


async def paused(world: EngineWorld) -> EngineProcess:
    process = await running(world)
    await process.acts.pause(SAGA, "let me see", ADA)
    await world.stopped()
    return process


async def suspended_in_rollback(world: EngineWorld) -> EngineProcess:
    """A saga that cannot release its stock."""
    world.participants.scripts |= {"CapturePayment": [rejected()], "ReleaseStock": [rejected()]}
    return await completed(world)


ALLOWED: Sequence[Case] = [
    (Act.CANCEL, running, Status.COMPENSATED),
    (Act.CANCEL, paused, Status.COMPENSATED),
    (Act.CANCEL, compensated, Status.COMPENSATED),
    (Act.PAUSE, running, Status.SUSPENDED),
    (Act.PAUSE, paused, Status.SUSPENDED),
    (Act.RETRY_NOW, running, Status.COMPLETED),
    (Act.RESUME, paused, Status.COMPLETED),
    (Act.RESUME, suspended_past_the_pivot, Status.COMPLETED),
]
REFUSED: Sequence[Case] = [
    (Act.CANCEL, completed, "completed"),
    (Act.CANCEL, suspended_past_the_pivot, "past its point of no return"),
    (Act.PAUSE, completed, "completed"),
    (Act.PAUSE, compensated, "compensated"),
    (Act.RESUME, running, "running"),
    (Act.RESUME, completed, "completed"),
    (Act.RETRY_NOW, completed, "completed"),
    (Act.RETRY_NOW, compensated, "compensated"),
    (Act.RETRY_NOW, paused, "has no attempt that waits"),
]


def cases(table: Sequence[Case]) -> list[object]:
    return [pytest.param(*row, id=f"{row[0].name}-{row[1].__name__}") for row in table]


@pytest.mark.parametrize(("act", "at", "end"), cases(ALLOWED))
async def test_a_dry_run_says_what_would_be_done_does_nothing_and_then_it_is_done(
    world: EngineWorld, act: Act, at: At, end: Status
) -> None:
    process = await at(world)
    before = world.entries()
    bulk = await prepared(process, act, [SAGA])
    assert (bulk.counts, bulk.to_do) == ({Answer.ALLOWED: 1}, 1)
    assert world.entries() == before

    assert (await carried_out(process, bulk)).counts == {Answer.DONE: 1}
    await until(lambda: world.state().status is end)


@pytest.mark.parametrize(("act", "at", "told"), cases(REFUSED))
async def test_what_cannot_be_done_is_refused_by_the_dry_run_with_the_reason_and_left_alone(
    world: EngineWorld, act: Act, at: At, told: str
) -> None:
    process = await at(world)
    before = world.entries()

    bulk = await prepared(process, act, [SAGA])
    over = await carried_out(process, bulk)

    assert (bulk.to_do, over.counts) == (0, {Answer.EXCLUDED: 1})
    (saga,) = await sagas_of(process, bulk)
    assert saga.reason
    assert told in saga.message
    assert world.entries() == before


async def test_a_saga_that_would_allow_it_by_now_is_left_alone_where_the_dry_run_was_refused(
    world: EngineWorld,
) -> None:
    process = await running(world)
    bulk = await prepared(process, Act.RESUME, [SAGA])
    await process.acts.pause(SAGA, "let me see", ADA)
    await world.stopped()

    assert (await carried_out(process, bulk)).counts == {Answer.EXCLUDED: 1}
    assert world.state().status is Status.SUSPENDED


async def test_a_saga_that_refuses_after_its_dry_run_is_counted_as_refused(world: EngineWorld) -> None:
    process = await paused(world)
    bulk = await prepared(process, Act.RESUME, [SAGA, "nobody"])
    await process.acts.cancel(SAGA, "enough", ADA)
    await until(lambda: world.state().status is Status.COMPENSATED)

    assert (await carried_out(process, bulk)).counts == {Answer.EXCLUDED: 1, Answer.REFUSED: 1}
    assert [saga.reason for saga in await sagas_of(process, bulk)] == ["NOT_SUSPENDED", "SAGA_NOT_FOUND"]


async def test_who_started_a_bulk_act_acts_on_each_saga_and_not_who_prepared_it(world: EngineWorld) -> None:
    process = await running(world)
    bulk = await prepared(process, Act.PAUSE, [SAGA], by=ADA)
    await carried_out(process, bulk, by=BOB)

    reason = world.state().suspension
    assert reason is not None
    assert (reason.requested_by, reason.message) == ("bob", f"because (bulk act {bulk.bulk_id})")


async def test_a_decision_for_a_group_is_journalled_for_each_saga_with_its_evidence(world: EngineWorld) -> None:
    process = await suspended_in_rollback(world)
    bulk = await prepared(process, Act.SKIP_COMPENSATION, [SAGA], CommandDecision("InventoryService.ReserveStock"))
    await carried_out(process, bulk, by=BOB)

    skipped = world.entries()[-1]
    assert isinstance(skipped, CompensationSkipped)
    assert (skipped.key, skipped.reason.requested_by) == (RESERVED, "bob")


async def test_a_decision_that_two_people_must_make_is_proposed_by_one_bulk_act_and_done_by_another(
    world: EngineWorld,
) -> None:
    process = await suspended_in_rollback(world)
    process.sagas.acts = Acts(process.worker, FourEyes(["skip"]))
    skip = Act.SKIP_COMPENSATION, [SAGA], CommandDecision(RESERVED)

    first = await prepared(process, *skip, by=ADA)
    assert first.counts == {Answer.SECOND_PERSON_NEEDED: 1}
    assert (await carried_out(process, first, by=ADA)).counts == {Answer.PROPOSED: 1}
    assert isinstance(world.entries()[-1], ActProposed)

    assert (await prepared(process, *skip, by=ADA)).counts == {Answer.EXCLUDED: 1}
    second = await prepared(process, *skip, by=BOB)
    assert second.counts == {Answer.ALLOWED: 1}
    assert (await carried_out(process, second, by=BOB)).counts == {Answer.DONE: 1}
    assert world.state().commands[RESERVED].skipped


async def test_one_saga_that_fails_unexpectedly_keeps_no_other_one_from_its_act(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await running(world)
    world.participants.scripts["AuthorizePayment"] = [unknown(retry_after=60)]
    await process.worker.start(world.order(saga_id="saga-2"))
    await until(lambda: process.worker.live["saga-2"].backs_off)
    bulk = await prepared(process, Act.PAUSE, ["saga-2", SAGA])
    act = process.sagas.act

    async def failing(what: Act, saga_id: str, *said: object, **also: object) -> SagaState:
        if saga_id == "saga-2":
            raise RuntimeError("a flaw")
        return await act(what, saga_id, *said, **also)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(process.sagas, "act", failing)
    over = await carried_out(process, bulk)

    assert over.counts == {Answer.DONE: 1, Answer.FAILED: 1}
    assert [saga.answer for saga in await sagas_of(process, bulk)] == [Answer.FAILED, Answer.DONE]


async def test_a_bulk_act_cannot_be_started_before_its_dry_run_has_ended_nor_once_it_was_stopped(
    world: EngineWorld,
) -> None:
    process = await completed(world)
    new = NewBulkAct(Act.PAUSE, b"", ADA)
    bulk = await process.sagas.bulk.prepare(new, pages_of([SAGA]))

    with pytest.raises(BulkActRefused) as refused:
        await process.sagas.bulk.start(bulk.bulk_id, "because", ADA)
    assert refused.value.reason == "NOT_PREPARED"
    stopped = await process.sagas.bulk.stop(bulk.bulk_id, ADA)
    assert stopped.status is BulkStatus.STOPPED
    assert await process.sagas.bulk.stop(bulk.bulk_id, BOB) == stopped
    with pytest.raises(BulkActRefused) as refused:
        await process.sagas.bulk.start(bulk.bulk_id, "because", ADA)
    assert refused.value.reason == "STOPPED"


async def test_more_sagas_than_there_may_be_are_refused(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookkeeping, "MOST_SAGAS", 3)
    process = await completed(world)

    with pytest.raises(InvalidInput, match="more than 3 sagas"):
        await process.sagas.bulk.prepare(NewBulkAct(Act.PAUSE, b"", ADA), pages_of(["a", "b"], ["c", "d"]))
