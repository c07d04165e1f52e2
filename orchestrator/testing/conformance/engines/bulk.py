"""The same act on many sagas: what a dry run has shown is done, once, to those sagas and to no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.engine.bulk.facade import NewBulkAct
from orchestrator.errors import BulkActNotFound, BulkActRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.decisions import CommandDecision
from orchestrator.journal.entries import CompensationSkipped, RollbackBegan, SagaResumed
from orchestrator.journal.state import Status
from orchestrator.ports.bulk_acts import Answer, BulkStatus, Reach
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.testing.conformance.engines.answers import ADA, REJECTED
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.raising import raises
from orchestrator.testing.conformance.engines.sagas import approved, trip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orchestrator.ports.bulk_acts import BulkAct
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()

BOB: Final = Actor("bob", "token file", "ipv4:127.0.0.1:2")
MANY: Final = 60
"""More than an engine acts on at once."""


async def _pages(*pages: Sequence[str]) -> AsyncIterator[Sequence[str]]:
    for page in pages:
        yield page


async def _prepared(
    stage: Stage, act: Act, saga_ids: Sequence[str], decision: CommandDecision | None = None
) -> BulkAct:
    """A bulk act whose dry run has ended."""
    new = NewBulkAct(act, b"all of them", ADA, decision, Reach(("approved",), (("tenant", "acme"),)))
    middle = len(saga_ids) // 2
    prepared = await stage.bulk.prepare(new, _pages(saga_ids[:middle], (), saga_ids[middle:]))
    return await _followed(stage, prepared.bulk_id)


async def _followed(stage: Stage, bulk_id: str) -> BulkAct:
    """A bulk act once nothing more happens by itself."""
    return [each async for each in stage.bulk.watch(bulk_id)][-1]


async def _carried_out(stage: Stage, bulk_id: str, why: str = "the bank is closed") -> BulkAct:
    """A prepared bulk act once it was started, and is over."""
    await stage.bulk.start(bulk_id, why, BOB)
    return await _followed(stage, bulk_id)


async def _waiting(stage: Stage, number: int) -> list[str]:
    """Sagas that wait for somebody's yes."""
    saga_ids = [f"approved-{each}" for each in range(1, number + 1)]
    for saga_id in saga_ids:
        await stage.start(approved, saga_id)
    for saga_id in saga_ids:
        await stage.comes_to(saga_id, Status.WAITING)
    return saga_ids


async def _told(stage: Stage, saga_id: str, bulk_id: str) -> int:
    """How often the journal of a saga says that something was done for a bulk act."""
    reasons = [
        entry.reason for entry in await stage.sagas.entries(saga_id) if isinstance(entry, (RollbackBegan, SagaResumed))
    ]
    return sum(f"(bulk act {bulk_id})" in reason.message for reason in reasons)


@scenario()
async def a_bulk_act_does_what_its_dry_run_has_shown_and_leaves_the_others_alone(stage: Stage) -> None:
    """The dry run changes nothing; then each saga that allows it is acted on, in the name of who has started it."""
    waiting = await _waiting(stage, 2)
    await stage.run(trip, "trip-1")
    before = {each: await stage.sagas.entries(each) for each in (*waiting, "trip-1")}

    prepared = await _prepared(stage, Act.CANCEL, [*waiting, "trip-1", "nobody"])
    shown = await stage.bulk.sagas(prepared.bulk_id, 0, 10)
    unchanged = {each: await stage.sagas.entries(each) for each in before}
    over = await _carried_out(stage, prepared.bulk_id)
    told = await stage.bulk.sagas(prepared.bulk_id, 0, 10)

    assert unchanged == before
    assert (prepared.status, prepared.to_do, prepared.total) == (BulkStatus.PREPARED, 2, 4)
    assert prepared.counts == {Answer.ALLOWED: 2, Answer.EXCLUDED: 2}
    assert (prepared.act, prepared.asked_for, prepared.prepared_by) == (Act.CANCEL, b"all of them", ADA)
    assert prepared.reach == Reach(("approved",), (("tenant", "acme"),))
    assert [each.saga_id for each in shown] == [*waiting, "trip-1", "nobody"]
    assert [each.position for each in shown] == [1, 2, 3, 4]
    assert [each.reason for each in shown] == ["", "", "SAGA_ENDED", "SAGA_NOT_FOUND"]
    assert (over.status, over.started_by, over.why) == (BulkStatus.ENDED, BOB, "the bank is closed")
    assert over.counts == {Answer.DONE: 2, Answer.EXCLUDED: 2}
    assert over.ended_at is not None
    assert [each.answer for each in told] == [Answer.DONE, Answer.DONE, Answer.EXCLUDED, Answer.EXCLUDED]
    for saga_id in waiting:
        state = await stage.rests(saga_id)
        assert state.status is Status.COMPENSATED
        assert state.rollback is not None
        assert state.rollback.message == f"the bank is closed (bulk act {over.bulk_id})"
        assert (state.rollback.requested_by, state.rollback.authority, state.rollback.peer) == BOB
    assert await stage.sagas.entries("trip-1") == before["trip-1"]


@scenario()
async def a_bulk_act_is_started_once_and_not_stopped_after_its_end(stage: Stage) -> None:
    """A repeated start finds it as it is."""
    (saga_id,) = await _waiting(stage, 1)
    prepared = await _prepared(stage, Act.PAUSE, [saga_id])

    over = await _carried_out(stage, prepared.bulk_id)
    again = await stage.bulk.start(prepared.bulk_id, "another reason", ADA)

    assert over.counts == {Answer.DONE: 1}
    assert again == over
    async with raises(BulkActRefused, "ENDED"):
        await stage.bulk.stop(prepared.bulk_id, ADA)
    assert (await stage.sagas.get(saga_id)).status is Status.SUSPENDED


@scenario()
async def a_bulk_act_that_was_stopped_does_nothing_and_cannot_be_started(stage: Stage) -> None:
    """Who stopped it is told, also when it is stopped again by somebody else."""
    (saga_id,) = await _waiting(stage, 1)
    prepared = await _prepared(stage, Act.CANCEL, [saga_id])

    stopped = await stage.bulk.stop(prepared.bulk_id, BOB)
    again = await stage.bulk.stop(prepared.bulk_id, ADA)

    assert (stopped.status, stopped.stopped_by, stopped.counts) == (BulkStatus.STOPPED, BOB, {Answer.ALLOWED: 1})
    assert (again.status, again.stopped_by) == (BulkStatus.STOPPED, BOB)
    async with raises(BulkActRefused, "STOPPED"):
        await stage.bulk.start(prepared.bulk_id, "because", ADA)
    assert (await stage.sagas.get(saga_id)).status is Status.WAITING


@scenario()
async def a_saga_that_refuses_after_its_dry_run_is_told_of(stage: Stage) -> None:
    """The others are not kept from theirs."""
    saga_ids = await _waiting(stage, 2)
    for saga_id in saga_ids:
        await stage.sagas.act(Act.PAUSE, saga_id, "one moment", ADA)
    prepared = await _prepared(stage, Act.RESUME, saga_ids)
    await stage.sagas.act(Act.CANCEL, saga_ids[0], "enough", ADA)
    await stage.comes_to(saga_ids[0], Status.COMPENSATED)

    over = await _carried_out(stage, prepared.bulk_id)

    assert over.counts == {Answer.REFUSED: 1, Answer.DONE: 1}
    (refused,) = await stage.bulk.sagas(over.bulk_id, 0, 10, {Answer.REFUSED})
    assert (refused.saga_id, refused.reason) == (saga_ids[0], "NOT_SUSPENDED")
    assert [await _told(stage, each, over.bulk_id) for each in saga_ids] == [0, 1]


@scenario()
async def a_decision_is_made_for_many_sagas(stage: Stage) -> None:
    """The journal of each keeps the evidence; where there is nothing to decide, the dry run says so."""
    stage.participants.scripts["ArrangeShipment"] = [REJECTED]
    stage.participants.scripts["VoidAuthorization"] = [REJECTED]
    await stage.run(trip, "trip-1")
    await stage.run(trip, "trip-2")
    decision = CommandDecision("PaymentService.AuthorizePayment")

    prepared = await _prepared(stage, Act.SKIP_COMPENSATION, ["trip-1", "trip-2"], decision)
    over = await _carried_out(stage, prepared.bulk_id)

    assert prepared.decision == decision
    assert over.counts == {Answer.DONE: 1, Answer.EXCLUDED: 1}
    (skipped,) = [each for each in await stage.sagas.entries("trip-1") if isinstance(each, CompensationSkipped)]
    assert (skipped.key, skipped.reason.requested_by) == ("PaymentService.AuthorizePayment#1", "bob")


@scenario()
async def bulk_acts_are_listed_the_last_one_first(stage: Stage) -> None:
    """From the one before an id on, so many at most; and none of them is a saga."""
    ids = sorted([(await _prepared(stage, Act.CANCEL, [])).bulk_id for _ in range(3)], reverse=True)

    async def are_listed() -> bool:
        return [each.bulk_id for each in await stage.bulk.list_before("", 10)] == ids

    await stage.eventually(are_listed)
    assert [each.bulk_id for each in await stage.bulk.list_before(ids[0], 1)] == ids[1:2]
    assert not await stage.bulk.list_before(ids[2], 10)
    assert (await stage.sagas.search(SagaFilter(), 10, ""))[0] == []
    assert not await stage.sagas.count()


@scenario()
async def a_bulk_act_of_nothing_comes_to_its_end(stage: Stage) -> None:
    """It is prepared, started, and over."""
    prepared = await _prepared(stage, Act.CANCEL, [])
    over = await _carried_out(stage, prepared.bulk_id)

    assert (prepared.status, prepared.total) == (BulkStatus.PREPARED, 0)
    assert (over.status, over.counts) == (BulkStatus.ENDED, {})
    assert not await stage.bulk.sagas(over.bulk_id, 0, 10)


@scenario()
async def a_bulk_act_that_is_not_there_is_not_found(stage: Stage) -> None:
    """Whatever is asked of it."""
    for ask in (
        stage.bulk.get("none"),
        stage.bulk.start("none", "because", ADA),
        stage.bulk.stop("none", ADA),
        stage.bulk.sagas("none", 0, 10),
        _followed(stage, "none"),
    ):
        async with raises(BulkActNotFound):
            await ask


@scenario()
async def the_sagas_of_a_bulk_act_are_told_page_by_page_and_by_answer(stage: Stage) -> None:
    """In the order in which they were found."""
    saga_ids = [f"nobody-{number}" for number in range(MANY)]
    saga_ids[1::20] = await _waiting(stage, 3)
    prepared = await _prepared(stage, Act.CANCEL, saga_ids)

    found: list[str] = []
    while page := await stage.bulk.sagas(prepared.bulk_id, len(found), 25):
        assert len(page) == min(25, MANY - len(found))
        found += [each.saga_id for each in page]
    allowed = await stage.bulk.sagas(prepared.bulk_id, 0, 2, {Answer.ALLOWED})
    more = await stage.bulk.sagas(prepared.bulk_id, allowed[-1].position, 2, {Answer.ALLOWED})

    assert found == saga_ids
    assert [each.position for each in (*allowed, *more)] == [2, 22, 42]


@scenario()
async def a_bulk_act_goes_on_after_a_kill_and_each_saga_is_acted_on_once(stage: Stage) -> None:
    """Also where a saga was paused again since."""
    saga_ids = await _waiting(stage, MANY)
    for saga_id in saga_ids:
        await stage.sagas.act(Act.PAUSE, saga_id, "one moment", ADA)
    prepared = await _prepared(stage, Act.RESUME, saga_ids)
    await stage.bulk.start(prepared.bulk_id, "go on", BOB)

    async def has_begun() -> bool:
        return bool(await _told(stage, saga_ids[0], prepared.bulk_id))

    await stage.eventually(has_begun)
    await stage.sagas.act(Act.PAUSE, saga_ids[0], "one moment more", ADA)
    await stage.engine.restart()
    over = await _followed(stage, prepared.bulk_id)

    assert (over.status, over.counts) == (BulkStatus.ENDED, {Answer.DONE: MANY})
    assert [await _told(stage, each, over.bulk_id) for each in saga_ids] == [1] * MANY
    assert (await stage.sagas.get(saga_ids[0])).status is Status.SUSPENDED
