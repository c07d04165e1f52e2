"""Bulk acts on a cluster: workers die in the middle, somebody stops them, and Temporal's own tools are used on them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest
from temporalio.api.enums.v1 import EventType

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.bulk import bookkeeping, stages
from orchestrator.engine.bulk.facade import NewBulkAct
from orchestrator.engine.bulk.sagas import BulkSagas
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.bulk import asking
from orchestrator.engine.temporal.bulk.pages import Pages
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.finding import asking as acting
from orchestrator.engine.temporal.opening import WorkerOptions
from orchestrator.engine.temporal.replaying import replay_histories
from orchestrator.errors import BulkActNotFound, BulkActRefused, InvalidInput, JournalUnavailable
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.decisions import CommandDecision
from orchestrator.journal.entries import RollbackBegan, SagaResumed
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.journal.state import Status
from orchestrator.ports.bulk_acts import Answer, BulkStatus
from orchestrator.testing.conformance.engines.answers import ADA, REJECTED
from orchestrator.testing.conformance.engines.sagas import approved, trip
from orchestrator.testing.world.participants import ScriptedParticipants
from tests.integration.temporal.test_from_outside import served
from tests.support.bulk_acts import pages_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from temporalio.client import Client

    from orchestrator.ports.bulk_acts import BulkAct
    from orchestrator.testing.conformance.engines.harness import Stage
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel"),
]

BOB: Final = Actor("bob")
SAGAS: Final = ["approved-1", "approved-2", "approved-3"]
"""One more than are asked at once here."""


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "AT_ONCE", 2)
    monkeypatch.setattr(names, "BULK_PAGE_SAGAS", 3)


async def waiting(stage: Stage, saga_ids: Sequence[str] = SAGAS) -> None:
    """Sagas that wait for somebody's yes."""
    for saga_id in saga_ids:
        await stage.start(approved, saga_id)
    for saga_id in saga_ids:
        await stage.comes_to(saga_id, Status.WAITING)


async def prepared(
    stage: Stage, act: Act, saga_ids: Sequence[str] = SAGAS, decision: CommandDecision | None = None, by: Actor = ADA
) -> BulkAct:
    """A bulk act whose dry run has ended."""
    act_ = await stage.bulk.prepare(NewBulkAct(act, b"", by, decision), pages_of(saga_ids))
    return await followed(stage, act_.bulk_id)


async def followed(stage: Stage, bulk_id: str) -> BulkAct:
    """A bulk act once nothing more happens by itself."""
    return [each async for each in stage.bulk.watch(bulk_id)][-1]


async def carried_out(stage: Stage, act: BulkAct, by: Actor = BOB) -> BulkAct:
    """A prepared bulk act once it was started, and is over."""
    await stage.bulk.start(act.bulk_id, "because", by)
    return await followed(stage, act.bulk_id)


async def acted_on(stage: Stage, bulk_id: str) -> list[str]:
    """The sagas whose journal says that it was done for this bulk act, as often as it says so."""
    return [
        saga_id
        for saga_id in SAGAS
        for entry in await stage.sagas.entries(saga_id)
        if isinstance(entry, (RollbackBegan, SagaResumed)) and f"(bulk act {bulk_id})" in entry.reason.message
    ]


async def answers(stage: Stage, act: BulkAct) -> list[Answer]:
    return [saga.answer for saga in await stage.bulk.sagas(act.bulk_id, 0, 100)]


def lost(times: int, call: Callable[..., Awaitable[Any]], *, is_done: bool) -> Callable[..., Awaitable[Any]]:
    """The same call, which fails the first times as if the worker died: before it, or after it was done."""
    left = times

    async def losing(*said: Any) -> Any:  # noqa: ANN401 - whatever is called
        nonlocal left
        if left and is_done:
            await call(*said)
        if left:
            left -= 1
            raise JournalUnavailable("the worker is gone")
        return await call(*said)

    return losing


@pytest.mark.parametrize("is_noted", [False, True])
async def test_what_a_lost_worker_has_done_is_found_and_not_done_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, is_noted: bool
) -> None:
    """Its sagas have been acted on, and perhaps that was noted; nobody was told. They have been paused again since."""
    async with served(client, ScriptedParticipants(), approved) as stage:
        await waiting(stage)
        for saga_id in SAGAS:
            await stage.sagas.act(Act.PAUSE, saga_id, "one moment", ADA)
        act = await prepared(stage, Act.RESUME)

        note = lost(1, Pages.note, is_done=is_noted)

        async def paused_again(*said: Any) -> None:  # noqa: ANN401 - as it was called
            try:
                await note(*said)
            except JournalUnavailable:
                await stage.sagas.act(Act.PAUSE, SAGAS[0], "one moment more", ADA)
                raise

        monkeypatch.setattr(Pages, "note", paused_again)
        over = await carried_out(stage, act)

        assert (over.status, over.counts) == (BulkStatus.ENDED, {Answer.DONE: len(SAGAS)})
        assert await answers(stage, over) == [Answer.DONE] * len(SAGAS)
        assert await acted_on(stage, act.bulk_id) == SAGAS
        assert (await stage.sagas.get(SAGAS[0])).status is Status.SUSPENDED


async def test_a_bulk_act_that_is_stopped_settles_what_was_under_way_and_begins_nothing_more(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, carry_out = asyncio.Event(), asyncio.Event(), BulkSagas.carry_out

    async def slow(*said: Any) -> Any:  # noqa: ANN401 - as it was called
        begun.set()
        await go_on.wait()
        return await carry_out(*said)

    monkeypatch.setattr(BulkSagas, "carry_out", slow)
    async with served(client, ScriptedParticipants(), approved) as stage:
        await waiting(stage)
        act = await prepared(stage, Act.CANCEL)
        await stage.bulk.start(act.bulk_id, "because", BOB)
        await begun.wait()

        stopping = await stage.bulk.stop(act.bulk_id, ADA)
        go_on.set()
        over = await followed(stage, act.bulk_id)

        assert (stopping.status, stopping.stopped_by) == (BulkStatus.STOPPING, ADA)
        assert (over.status, over.counts) == (BulkStatus.STOPPED, {Answer.DONE: 2, Answer.ALLOWED: 1})
        assert await answers(stage, over) == [Answer.DONE, Answer.DONE, Answer.ALLOWED]
        assert await acted_on(stage, act.bulk_id) == SAGAS[:2]


async def test_where_a_bulk_act_was_stopped_after_its_worker_was_lost_no_other_saga_is_acted_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first saga was acted on, and the second was not: the next worker finds that, and does no more."""
    carry_out = BulkSagas.carry_out
    async with served(client, ScriptedParticipants(), approved) as stage:
        await waiting(stage)
        act = await prepared(stage, Act.CANCEL)

        async def stopped_meanwhile(sagas: BulkSagas, bulk: BulkAct, saga: Any) -> Any:  # noqa: ANN401 - as it was called
            if saga.saga_id == SAGAS[0]:
                return await carry_out(sagas, bulk, saga)
            await stage.bulk.stop(bulk.bulk_id, ADA)
            raise JournalUnavailable("the worker is gone")

        monkeypatch.setattr(BulkSagas, "carry_out", stopped_meanwhile)
        over = await carried_out(stage, act)

        assert (over.status, over.counts) == (BulkStatus.STOPPED, {Answer.DONE: 1, Answer.ALLOWED: 2})
        assert await answers(stage, over) == [Answer.DONE, Answer.ALLOWED, Answer.ALLOWED]
        assert await acted_on(stage, act.bulk_id) == SAGAS[:1]


async def test_many_sagas_are_kept_in_pages_and_a_long_history_goes_on_in_a_new_run(client: Client) -> None:
    saga_ids = [f"nobody-{number}" for number in range(10)]
    options = WorkerOptions(grace=0.0, most_events=20)
    async with served(client, ScriptedParticipants(), approved, options=options) as stage:
        await waiting(stage)
        act = await prepared(stage, Act.CANCEL, [*saga_ids, *SAGAS])
        over = await carried_out(stage, act)
        await client.get_workflow_handle(f"bulk/{act.bulk_id}").result()

        found = [each.saga_id for each in await stage.bulk.sagas(act.bulk_id, 0, 100)]
        between = [each.position for each in await stage.bulk.sagas(act.bulk_id, 4, 5)]
        await stage.eventually(lambda: is_closed(client, act.bulk_id))
        runs = [each async for each in client.list_workflows(f"WorkflowId = 'bulk/{act.bulk_id}'")]
        replayed = {each.saga_id: each.failure async for each in replay_histories(client, [approved], SystemClock())}

    assert act.counts == {Answer.EXCLUDED: 10, Answer.ALLOWED: 3}
    assert (over.status, over.counts) == (BulkStatus.ENDED, {Answer.EXCLUDED: 10, Answer.DONE: 3})
    assert found == [*saga_ids, *SAGAS]
    assert between == [5, 6, 7, 8, 9]
    assert len(runs) > 2
    assert {f"bulk/{act.bulk_id}", f"bulk/{act.bulk_id}/1", f"bulk/{act.bulk_id}/5"} < replayed.keys()
    assert not any(replayed.values()), replayed


async def is_closed(client: Client, bulk_id: str) -> bool:
    """Whether the workflows that keep its sagas have ended."""
    pages = [each async for each in client.list_workflows(f"WorkflowId STARTS_WITH 'bulk/{bulk_id}/'")]
    return [each.status.name for each in pages if each.status] == ["COMPLETED"] * 5


async def test_too_many_sagas_and_too_large_a_reply_are_refused_and_nothing_stays_open(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeping, "MOST_SAGAS", 6)
    large = CommandDecision("A.B", took_effect=True, reply=b"?" * 60_000)
    async with served(client, ScriptedParticipants(), approved) as stage:
        with pytest.raises(InvalidInput, match="more than 6 sagas"):
            await stage.bulk.prepare(NewBulkAct(Act.CANCEL, b"", ADA), pages_of(list("abcde"), list("fgh")))
        with pytest.raises(InvalidInput, match=r"decision.reply"):
            await stage.bulk.prepare(NewBulkAct(Act.RESOLVE_OUTCOME, b"", ADA, large), pages_of())

        async def are_closed() -> bool:
            pages = [each async for each in client.list_workflows(f"WorkflowType = '{names.BULK_PAGE}'")]
            return [each.status.name for each in pages if each.status] == ["COMPLETED"] * 2

        await stage.eventually(are_closed)


async def test_a_large_reply_is_given_to_each_saga(client: Client) -> None:
    fits = CommandDecision("A.B", took_effect=True, reply=b"?" * 35_000)
    async with served(client, ScriptedParticipants(), approved) as stage:
        act = await prepared(stage, Act.RESOLVE_OUTCOME, ["nobody"], fits)

    assert (act.status, act.decision) == (BulkStatus.PREPARED, fits)


async def test_an_act_that_takes_its_time_is_noted_and_waited_for_at_the_end(client: Client) -> None:
    """The saga is asked once, and both attempts hear the same answer."""
    async with served(client, ScriptedParticipants(), approved, trip) as stage:
        answer = stage.hold("ReserveStock")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        await waiting(stage)
        act = await prepared(stage, Act.PAUSE, ["trip-1", *SAGAS])
        await stage.bulk.start(act.bulk_id, "because", BOB)

        seen = []
        async for each in stage.bulk.watch(act.bulk_id):
            seen.append((each.status, each.counts))
            if each.counts == {Answer.NOTED: 1, Answer.DONE: 3}:
                answer.give()
        history = await client.get_workflow_handle("trip-1").fetch_history()

    kinds = Counter(event.event_type for event in history.events)
    assert (BulkStatus.RUNNING, {Answer.NOTED: 1, Answer.DONE: 3}) in seen
    assert seen[-1] == (BulkStatus.ENDED, {Answer.DONE: 4})
    assert kinds[EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED] == 1


async def test_a_saga_that_no_worker_serves_keeps_no_other_one_from_its_act(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "_SHORTEST_PATIENCE_SECONDS", 1.0)
    async with served(client, ScriptedParticipants(), approved) as stage:
        await waiting(stage, SAGAS[:1])
    async with served(client, ScriptedParticipants(), trip) as stage:
        answer = stage.hold("ReserveStock")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        act = await prepared(stage, Act.CANCEL, [SAGAS[0], "trip-1"])
        await stage.bulk.start(act.bulk_id, "because", BOB)
        answer.give()
        over = await followed(stage, act.bulk_id)
        unserved, other = await stage.bulk.sagas(act.bulk_id, 0, 2)

    assert over.status is BulkStatus.ENDED
    assert (unserved.answer, unserved.reason) == (Answer.FAILED, "NOBODY_ANSWERS")
    assert other.answer is Answer.DONE


async def test_a_saga_that_was_terminated_is_acted_on_as_by_hand(client: Client) -> None:
    async with served(client, ScriptedParticipants(), approved) as stage:
        await waiting(stage, SAGAS[:1])
        for act, comes_to in ((Act.RESUME, Status.WAITING), (Act.CANCEL, Status.COMPENSATED)):
            await client.get_workflow_handle(SAGAS[0]).terminate()
            over = await carried_out(stage, await prepared(stage, act, SAGAS[:1]))
            await stage.comes_to(SAGAS[0], comes_to)

            assert over.counts == {Answer.DONE: 1}
            assert await acted_on(stage, over.bulk_id) == SAGAS[:1]


async def test_a_decision_that_two_people_must_make_is_proposed_by_one_bulk_act_and_done_by_another(
    client: Client,
) -> None:
    act, sagas, decision = Act.SKIP_COMPENSATION, ["trip-1"], CommandDecision("PaymentService.AuthorizePayment")
    options = WorkerOptions(grace=0.0, four_eyes=FourEyes(["skip"]))
    participants = ScriptedParticipants()
    participants.scripts |= {"ArrangeShipment": [REJECTED], "VoidAuthorization": [REJECTED]}
    async with served(client, participants, trip, options=options) as stage:
        await stage.run(trip, "trip-1")
        first = await prepared(stage, act, sagas, decision)
        proposed = await carried_out(stage, first, ADA)
        same = await prepared(stage, act, sagas, decision)
        second = await prepared(stage, act, sagas, decision, BOB)
        done = await carried_out(stage, second, BOB)

    assert (first.counts, proposed.counts) == ({Answer.SECOND_PERSON_NEEDED: 1}, {Answer.PROPOSED: 1})
    assert same.counts == {Answer.EXCLUDED: 1}
    assert (second.counts, done.counts) == ({Answer.ALLOWED: 1}, {Answer.DONE: 1})


async def test_a_cancel_with_temporals_own_tools_is_a_stop(client: Client) -> None:
    async with served(client, ScriptedParticipants(), approved) as stage:
        await waiting(stage)
        act = await prepared(stage, Act.CANCEL)
        handle = client.get_workflow_handle(f"bulk/{act.bulk_id}")
        await handle.cancel()
        await handle.result()

        over = await stage.bulk.get(act.bulk_id)
        with pytest.raises(BulkActRefused) as refused:
            await stage.bulk.start(act.bulk_id, "because", BOB)

    assert over.stopped_by is not None
    assert (over.status, over.stopped_by.name, refused.value.reason) == (BulkStatus.STOPPED, "temporal", "STOPPED")


async def test_a_bulk_act_that_was_terminated_is_shown_as_stopped(client: Client) -> None:
    async with served(client, ScriptedParticipants(), approved) as stage:
        await waiting(stage)
        act = await prepared(stage, Act.CANCEL)
        await client.get_workflow_handle(f"bulk/{act.bulk_id}").terminate()

        over = await followed(stage, act.bulk_id)
        again = await stage.bulk.stop(act.bulk_id, ADA)
        with pytest.raises(BulkActRefused) as refused:
            await stage.bulk.start(act.bulk_id, "because", BOB)

    assert over.stopped_by is not None
    assert over.ended_at is not None
    assert (over.status, over.stopped_by.name, refused.value.reason) == (BulkStatus.STOPPED, "temporal", "STOPPED")
    assert (again, over.counts) == (over, {Answer.ALLOWED: 3})


async def test_a_bulk_act_that_nobody_starts_is_over_after_a_day(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "PREPARED_NANOSECONDS", 1_000_000_000)
    async with served(client, ScriptedParticipants(), approved) as stage:
        act = await prepared(stage, Act.CANCEL, ["nobody"])
        await client.get_workflow_handle(f"bulk/{act.bulk_id}").result()
        over = await stage.bulk.get(act.bulk_id)

    assert act.expires_at is not None
    assert over.stopped_by is not None
    assert (over.status, over.stopped_by.name, over.expires_at) == (BulkStatus.STOPPED, "nobody", None)


async def test_a_workflow_that_is_no_bulk_act_is_not_found(client: Client) -> None:
    async with served(client, ScriptedParticipants(), approved) as stage:
        act = await prepared(stage, Act.CANCEL, ["nobody"])
        for name in (f"{act.bulk_id}/1", "../approved-1"):
            with pytest.raises(BulkActNotFound):
                await stage.bulk.get(name)
