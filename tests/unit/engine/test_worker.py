"""One replica: starts, waits, watches, lets go, and lives with a journal that fails."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from orchestrator import CommandRejected, saga
from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.engine.replica.claiming import recovery
from orchestrator.engine.run.commands.command_issuer import CommandIssuer
from orchestrator.engine.run.executor import Executor
from orchestrator.engine.run.forward.code import Forward
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.stop_control import StopControl
from orchestrator.errors import JournalUnavailable, SagaExists, SagaNotFound
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import SagaRecovered, SagaStarted
from orchestrator.journal.state import SagaState, Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.claims import Claim, Served
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import (
    FORWARD,
    ORDER,
    PRICE,
    RESERVE,
    SAGA,
    Answer,
    Shop,
    altered,
    rejected,
    trip,
    turns,
    unknown,
    until,
)
from tests.support.journals import Writing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from orchestrator.engine.replica.worker import Worker
    from tests.support.engine_world import EngineProcess, EngineWorld

OTHER = StartOrderRequest(customer_id="bob")


async def started(world: EngineWorld, method: str) -> tuple[EngineProcess, Answer]:
    """A saga that waits for the answer to this method."""
    answer = Answer()
    world.participants.scripts[method].append(answer)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)
    return process, answer


# Starting


async def test_a_start_is_answered_once_it_is_durable(world: EngineWorld) -> None:
    process = world.process()
    process.journal.journal_is = "held"
    start = asyncio.ensure_future(process.worker.start(world.order()))
    await turns()
    assert not start.done()

    process.journal.switch("up")
    await start
    assert isinstance(world.entries()[0], SagaStarted)


async def test_a_start_that_the_journal_cannot_take_is_refused_and_can_be_repeated(world: EngineWorld) -> None:
    process = world.process()
    process.journal.journal_is = "down"
    with pytest.raises(JournalUnavailable):
        await process.worker.start(world.order())
    assert set(world.participants.methods()) <= {"PriceOrder"}, "nothing that has an effect"
    await until(lambda: not process.worker.live)

    process.journal.switch("up")
    assert (await process.run()).status is Status.COMPLETED


async def test_a_repeated_start_finds_the_saga_that_it_started(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    again = await process.worker.start(world.order())
    assert again.status is Status.RUNNING
    answer.give()
    await world.stopped()
    after = await process.worker.start(world.order())

    assert after.status is Status.COMPLETED
    assert world.participants.methods().count("ReserveStock") == 1


async def test_two_equal_starts_at_once_start_one_saga(world: EngineWorld) -> None:
    process = world.process()
    states = await asyncio.gather(*(process.worker.start(world.order(), wait=60) for _ in range(3)))

    assert [state.status for state in states] == [Status.COMPLETED] * 3
    assert world.participants.methods() == FORWARD


async def test_two_equal_starts_at_two_replicas_start_one_saga(world: EngineWorld) -> None:
    processes = [world.process(), world.process()]
    await asyncio.gather(*(process.worker.start(world.order()) for process in processes))
    await world.stopped()

    effects = [method for method in world.participants.methods() if method != "PriceOrder"]
    assert effects == FORWARD[1:]


@pytest.mark.parametrize("when", ["at once", "while it runs", "after its end", "after a restart"])
async def test_a_start_with_the_same_id_and_other_content_is_refused(world: EngineWorld, when: str) -> None:
    first: asyncio.Future[SagaState] | None = None
    if when == "at once":
        process = world.process()
        first = asyncio.ensure_future(process.worker.start(world.order()))
        await asyncio.sleep(0)
    elif when == "while it runs":
        process, _ = await started(world, "ReserveStock")
    else:
        process = world.process()
        await process.run()
        if when == "after a restart":
            process = await world.recover()
    with pytest.raises(SagaExists, match="saga saga-1 was started by the same request id with another content"):
        await process.worker.start(world.order(OTHER))

    if first is not None:
        await first
    assert world.state().input == ORDER.SerializeToString()


async def test_looking_at_a_saga_while_its_start_is_repeated_shows_the_saga(world: EngineWorld) -> None:
    """The repeated start seems to start the saga again until the journal says that it exists."""
    await world.process().run()
    process = world.process()
    process.journal.journal_is = "held"
    again = asyncio.ensure_future(process.worker.start(world.order()))
    await turns()
    seen = asyncio.ensure_future(process.worker.get(SAGA))
    await turns()
    process.journal.switch("up")

    assert (await seen).status is Status.COMPLETED
    assert (await again).status is Status.COMPLETED


async def test_a_saga_keeps_its_caller_and_what_it_can_be_listed_by(world: EngineWorld) -> None:
    order = world.order()._replace(attributes=(("customer_id", "ada"),), traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    process = world.process()
    state = await process.worker.start(order, wait=60)

    assert (state.attributes, state.traceparent, state.sampled) == (order.attributes, order.traceparent, True)
    (call, *_) = world.participants.calls
    assert call.metadata["traceparent"].startswith(f"00-{'a' * 32}-")
    records, token = await process.worker.adapters.journal.search(SagaFilter(attributes=order.attributes), 10, "")
    assert ([record.saga_id for record in records], token) == ([SAGA], "")


async def test_a_start_repeated_after_a_failure_is_advanced_by_one_executor(world: EngineWorld) -> None:
    """What the failed start left behind looks for the saga, and finds it well looked after."""
    answer = Answer()
    world.participants.scripts["ReserveStock"] = [answer]
    process = world.process()
    process.journal.journal_is = "down"
    with pytest.raises(JournalUnavailable):
        await process.worker.start(world.order())
    world.clock.hold_from = 0.0
    await until(lambda: not process.worker.live)
    process.journal.switch("up")
    await process.worker.start(world.order())
    await until(lambda: answer.asked)
    world.clock.hold_from = 10.0
    world.clock.advance(2)
    await turns()
    answer.give()

    assert (await world.stopped()).status is Status.COMPLETED
    assert not [entry for entry in world.entries() if isinstance(entry, SagaRecovered)]


# Waiting and looking


async def test_a_start_that_waits_answers_with_the_end(world: EngineWorld) -> None:
    assert (await world.process().worker.start(world.order(), wait=60)).status is Status.COMPLETED


async def test_a_start_that_has_waited_long_enough_answers_with_the_saga_as_it_stands(world: EngineWorld) -> None:
    answer = Answer()
    world.participants.scripts["AuthorizePayment"] = [answer]
    process = world.process()
    start = asyncio.ensure_future(process.worker.start(world.order(), wait=60))
    await until(lambda: answer.asked)
    world.clock.advance(59)
    await turns()
    assert not start.done()

    world.clock.advance(2)
    state = await start
    assert state.status is Status.RUNNING
    assert state.commands["PaymentService.AuthorizePayment#1"].outcome is None
    answer.give()
    await world.stopped()


async def test_a_repeated_start_waits_too(world: EngineWorld) -> None:
    process, answer = await started(world, "AuthorizePayment")
    again = asyncio.ensure_future(process.worker.start(world.order(), wait=60))
    await turns()
    assert not again.done()

    answer.give()
    assert (await again).status is Status.COMPLETED


@pytest.mark.parametrize("way", ["start", "get", "watch"])
async def test_no_caller_is_told_of_an_end_before_it_is_durable(world: EngineWorld, way: str) -> None:
    process, answer = await started(world, "SendConfirmation")
    seen: list[Status | None] = []

    async def look() -> None:
        if way == "start":
            seen.append((await process.worker.start(world.order(), wait=60)).status)
        elif way == "get":
            await until(lambda: process.worker.live[SAGA].state.status is Status.COMPLETED)
            seen.append((await process.worker.get(SAGA)).status)
        else:
            seen.extend([state.status async for state in process.worker.watch(SAGA)][-1:])

    looking = asyncio.ensure_future(look())
    process.journal.journal_is = "held"
    answer.give()
    await turns()
    assert seen == []

    process.journal.switch("up")
    await looking
    assert seen == [Status.COMPLETED]


async def test_an_end_that_the_journal_did_not_take_is_not_shown(world: EngineWorld) -> None:
    process, answer = await started(world, "SendConfirmation")
    waiting = asyncio.ensure_future(process.worker.start(world.order(), wait=60))
    await turns()
    process.journal.journal_is = "held"
    answer.give()
    await turns()
    process.journal.switch("down")

    with pytest.raises(JournalUnavailable):
        await waiting


async def test_a_saga_that_was_never_started_cannot_be_seen(world: EngineWorld) -> None:
    worker = world.process().worker
    with pytest.raises(SagaNotFound):
        await worker.get(SAGA)
    with pytest.raises(SagaNotFound):
        await anext(worker.watch(SAGA))


async def watched(worker: Worker, saga_id: str = SAGA) -> list[tuple[Status | None, int]]:
    return [(state.status, len(state.commands)) async for state in worker.watch(saga_id)]


async def test_a_watcher_sees_the_saga_change_until_its_end(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    watching = asyncio.ensure_future(watched(process.worker))
    await turns()
    answer.give()
    seen = await watching

    assert seen[0] == (Status.RUNNING, 2)
    assert seen[-1] == (Status.COMPLETED, len(FORWARD))
    assert len(seen) > 3
    assert seen == sorted(seen, key=lambda each: each[1])


async def test_a_watcher_that_is_busy_while_the_saga_ends_still_sees_the_end(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    seen: list[SagaState] = []
    statuses = []
    async for state in process.worker.watch(SAGA):
        seen.append(state)
        statuses.append(state.status)
        if len(seen) == 1:
            answer.give()
            await world.stopped()
            await turns()

    assert statuses == [Status.RUNNING, Status.COMPLETED]


async def test_a_watcher_of_an_ended_saga_sees_its_end_once(world: EngineWorld) -> None:
    process = world.process()
    await process.run()

    assert await watched(process.worker) == [(Status.COMPLETED, len(FORWARD))]


async def test_a_watcher_at_another_replica_sees_the_end_too(world: EngineWorld) -> None:
    _, answer = await started(world, "ReserveStock")
    watching = asyncio.ensure_future(watched(world.process().worker))
    await turns(5)
    answer.give()

    assert (await watching)[-1] == (Status.COMPLETED, len(FORWARD))


async def test_a_watcher_stays_when_the_saga_is_suspended_and_sees_it_rolled_back(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(altered(trip, "AuthorizePayment", on_unknown=OnUnknown.SUSPEND, retry=RetryPolicy(attempts=1)))
    world.participants.scripts["AuthorizePayment"] = [unknown()]
    process = world.process()
    await process.run()
    statuses = []
    async for state in process.worker.watch(SAGA):
        statuses.append(state.status)
        if state.status is Status.SUSPENDED and len(statuses) == 2:
            await process.acts.cancel(SAGA, "enough", Actor("ada"))

    assert statuses[:2] == [Status.SUSPENDED] * 2
    assert statuses[-1] is Status.COMPENSATED


# Letting go


@pytest.mark.parametrize("method", FORWARD)
@pytest.mark.parametrize("late", [None, unknown()], ids=["completed", "unknown"])
async def test_a_graceful_close_keeps_the_answer_in_flight_and_the_next_replica_goes_on(
    world: EngineWorld, method: str, late: object
) -> None:
    process, answer = await started(world, method)
    closing = asyncio.ensure_future(process.worker.close(grace=60))
    await turns()
    assert not closing.done()
    answer.give(late)  # type: ignore[arg-type]  # an outcome
    await closing
    kept = world.state().commands
    sent = len(world.participants.calls)
    assert sent == FORWARD.index(method) + 1

    await world.open()
    assert (await world.stopped()).status is Status.COMPLETED
    again = [call.method for call in world.participants.calls[sent:]]
    assert again == FORWARD[FORWARD.index(method) + (late is None) :]
    (command,) = [command for command in kept.values() if command.method.endswith(method)]
    assert command.attempts == 1


async def test_a_graceful_close_does_not_wait_for_pauses(world: EngineWorld) -> None:
    world.clock.hold_from = 0.0
    process, answer = await started(world, "ReserveStock")
    answer.give(unknown())
    await until(lambda: world.state().commands["InventoryService.ReserveStock#1"].attempts)
    await process.worker.close(grace=60)

    assert not process.worker.live


async def test_a_graceful_close_in_the_middle_of_a_rollback_goes_on_at_the_next_replica(world: EngineWorld) -> None:
    world.participants.scripts["CapturePayment"] = [rejected()]
    process, answer = await started(world, "VoidAuthorization")
    closing = asyncio.ensure_future(process.worker.close(grace=60))
    await turns()
    answer.give()
    await closing
    await world.open()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods() == [*FORWARD[:5], "CancelShipment", "VoidAuthorization", "ReleaseStock"]


async def test_what_is_released_is_recovered_before_any_lease_lapses(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    other = await world.open()
    assert not other.worker.live
    closing = asyncio.ensure_future(process.worker.close(grace=60))
    answer.give()
    await closing
    world.clock.advance(21)

    assert (await world.stopped()).status is Status.COMPLETED
    assert SAGA not in process.worker.live


async def test_a_close_without_patience_gives_up_what_has_not_answered(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    await process.worker.close(grace=0)
    answer.give()
    await turns()
    assert world.participants.methods() == FORWARD[:2]

    await world.open()
    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods().count("ReserveStock") == 2


# A journal that fails


@pytest.mark.parametrize("method", FORWARD)
async def test_a_journal_that_fails_for_a_while_delays_a_saga_and_does_not_fail_it(
    world: EngineWorld, method: str
) -> None:
    process, answer = await started(world, method)
    process.journal.journal_is = "down"
    answer.give()
    await turns()
    sent = len(world.participants.calls)
    await turns()
    assert len(world.participants.calls) == sent, "nothing is sent without an intent"

    process.journal.switch("up")
    assert (await world.stopped()).status is Status.COMPLETED
    assert list(dict.fromkeys(world.participants.methods())) == FORWARD


async def test_a_journal_that_fails_in_the_middle_of_a_rollback_delays_it(world: EngineWorld) -> None:
    world.participants.scripts["CapturePayment"] = [rejected()]
    process, answer = await started(world, "VoidAuthorization")
    process.journal.journal_is = "down"
    answer.give()
    await turns()
    process.journal.switch("up")

    assert (await world.stopped()).status is Status.COMPENSATED


async def test_a_journal_that_does_not_take_a_pause_of_a_rollback_delays_the_saga(world: EngineWorld) -> None:
    """The operator who asked for the pause is told; the saga goes on once the journal is back."""
    world.participants.scripts["CapturePayment"] = [rejected()]
    process, answer = await started(world, "VoidAuthorization")
    world.clock.hold_from = 0.0
    answer.give(unknown())
    await until(lambda: world.state().compensation("PaymentService.AuthorizePayment#1").attempts)
    await turns()
    process.journal.journal_is = "down"
    with pytest.raises(JournalUnavailable):
        await process.acts.pause(SAGA, "wait", Actor("ada"))
    process.journal.switch("up")
    world.clock.hold_from = 10.0
    world.clock.advance(10)

    assert (await world.stopped()).status is Status.COMPENSATED


async def test_a_start_repeated_while_the_saga_waits_for_the_journal_does_not_lose_it(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    process.journal.journal_is = "down"
    answer.give()
    await until(lambda: SAGA not in process.worker.live)
    process.journal.journal_is = "held"
    again = asyncio.ensure_future(process.worker.start(world.order(), wait=60))
    await turns()
    process.journal.switch("up")
    await again

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_repeated_start_that_fails_does_not_make_a_replica_forget_its_claim(world: EngineWorld) -> None:
    """It starts the saga again, under the token of a first claim; the saga has been recovered since, under another."""
    await started(world, "AuthorizePayment")
    process = await world.recover()
    await until(lambda: SAGA in process.worker.live)
    process.journal.journal_is = "down"
    await until(lambda: SAGA not in process.worker.live)
    with pytest.raises(JournalUnavailable):
        await process.worker.start(world.order())
    process.journal.switch("up")

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_journal_that_cannot_be_read_at_recovery_loses_no_saga(world: EngineWorld) -> None:
    await started(world, "ReserveStock")
    world.crash()
    process = world.process()
    read = world.journal.read
    failures = iter([True, True])

    async def failing_read(saga_id: str) -> object:
        if next(failures, False):
            raise JournalUnavailable("the disk is slow")
        return await read(saga_id)

    world.journal.read = failing_read  # type: ignore[method-assign, assignment]
    assert await process.worker.open() == 1

    assert (await world.stopped()).status is Status.COMPLETED


async def test_what_was_claimed_when_the_journals_answer_was_lost_is_recovered(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal says that this replica advances the saga, so no other replica ever will."""
    await started(world, "AuthorizePayment")
    world.crash()
    process = world.process()
    claim_unfinished = world.journal.claim_unfinished

    async def claim(owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        monkeypatch.setattr(world.journal, "claim_unfinished", claim_unfinished)
        assert await claim_unfinished(owner, limit, served)
        raise JournalUnavailable("the connection broke")

    monkeypatch.setattr(world.journal, "claim_unfinished", claim)
    with pytest.raises(JournalUnavailable):
        await process.worker.open()
    assert await process.worker.open() == 1
    assert (await world.stopped()).status is Status.COMPLETED


@pytest.mark.parametrize("heartbeats", [0, 1, 5])
async def test_a_start_that_comes_to_stand_after_it_was_looked_for_is_recovered_all_the_same(
    world: EngineWorld, heartbeats: int
) -> None:
    """The connection broke, the journal is back and knows of no such saga, and only then the transaction ends."""
    process = await world.open()
    await process.run(saga_id="model")
    process.journal.journal_is = "down"
    with pytest.raises(JournalUnavailable):
        await process.worker.start(world.order())
    process.journal.switch("up")
    await until(lambda: not process.worker.recovery._recovering_deferred)
    for _ in range(heartbeats):
        world.clock.advance(21)
        await turns()
    assert not world.entries()

    late = Writing(world.journal, SAGA, owner=process.worker.owner)
    await late.start(world.entries("model")[0], definition="trip")
    world.clock.advance(21)
    assert (await world.stopped()).status is Status.COMPLETED


async def test_what_is_claimed_is_asked_often_for_a_while_after_the_journal_failed_and_then_once_in_a_lease(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer holds every saga that is live here."""
    process = await world.open()
    process.journal.journal_is = "down"
    with pytest.raises(JournalUnavailable):
        await process.worker.start(world.order())
    process.journal.switch("up")
    await until(lambda: not process.worker.recovery._recovering_deferred)
    asked: list[str] = []
    claimed = world.journal.claimed

    async def ask(owner: str) -> list[Claim]:
        asked.append(owner)
        return await claimed(owner)

    monkeypatch.setattr(world.journal, "claimed", ask)
    for _ in range(12):
        world.clock.advance(21)
        await turns()
    assert 10 <= len(asked) <= 12, "four leases of a minute, every 21 seconds"

    asked.clear()
    for _ in range(30):
        world.clock.advance(21)
        await turns()
    assert 8 <= len(asked) <= 11, "ten leases, and every third heartbeat comes a lease after the one before"


async def test_a_saga_that_cannot_be_read_keeps_no_other_from_being_recovered(world: EngineWorld) -> None:
    answers = [Answer(), Answer()]
    world.participants.scripts["ReserveStock"] = [*answers]
    process = world.process()
    for number in (1, 2):
        await process.worker.start(world.order(saga_id=f"saga-{number}"))
    await until(lambda: answers[1].asked)
    kept = world.journal._sagas["saga-1"]
    kept.entries.insert(0, kept.entries[0])  # started twice: no legal story
    await world.recover()

    assert (await world.stopped("saga-2")).status is Status.COMPLETED
    world.observer.entries.clear()


async def test_a_replica_renews_its_lease_and_recovers_after_a_failure_of_the_journal(world: EngineWorld) -> None:
    process = await world.open()
    await until(world.clock.is_held)
    process.journal.journal_is = "down"
    world.clock.advance(21)
    await until(world.clock.is_held)
    process.journal.switch("up")
    world.clock.advance(21)
    await turns()
    other, answer = await started(world, "ReserveStock")
    assert await world.journal.claim_unfinished("somebody", 10) == []

    other.kill()
    for _ in range(5):
        world.clock.advance(21)
        await turns()
    assert (await world.stopped()).status is Status.COMPLETED, "recovered by the first one"
    answer.give()


# One owner


async def test_a_replica_that_lost_its_claim_appends_nothing_and_sends_nothing_more(world: EngineWorld) -> None:
    old, answer = await started(world, "AuthorizePayment")
    world.journal._alive_until.clear()
    new = await world.open()
    assert (await world.stopped()).status is Status.COMPLETED
    entries, sent = world.entries(), len(world.participants.calls)
    answer.give()
    await turns()

    assert world.entries() == entries
    assert len(world.participants.calls) == sent
    assert SAGA not in old.worker.live
    assert (await old.worker.get(SAGA)).status is Status.COMPLETED
    assert new is not old


async def test_a_replica_that_lost_its_claim_between_two_attempts_makes_no_more(world: EngineWorld) -> None:
    old, answer = await started(world, "AuthorizePayment")
    world.journal._alive_until.clear()
    hang = Answer()
    world.participants.scripts["AuthorizePayment"] = [hang]
    await world.open()
    await until(lambda: hang.asked)
    answer.give(unknown())
    await until(lambda: SAGA not in old.worker.live)

    assert len(world.participants.of("AuthorizePayment")) == 2, "one of each replica"
    hang.give()
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_replica_that_claims_again_what_it_had_lost_runs_it_once(world: EngineWorld) -> None:
    """While it waits between two attempts it loses the saga, and claims it back once the other one has died."""
    world.clock.hold_from = 0.0
    process, answer = await started(world, "AuthorizePayment")
    answer.give(unknown())
    await until(lambda: world.state().commands["PaymentService.AuthorizePayment#1"].attempts)
    hang = Answer()
    world.participants.scripts["AuthorizePayment"].append(hang)
    world.journal._alive_until.clear()
    other = await world.open()
    await until(lambda: hang.asked)
    other.kill()
    world.journal._alive_until.clear()
    await process.worker.recovery._recover()
    assert (await world.stopped()).status is Status.COMPLETED
    sent = len(world.participants.calls)

    world.clock.advance(10)
    await turns()
    assert len(world.participants.calls) == sent, "what it did under its first claim has stopped"


async def test_a_claim_that_was_overtaken_while_the_journal_was_read_stops_nothing(world: EngineWorld) -> None:
    process, answer = await started(world, "AuthorizePayment")
    executor = process.worker.live[SAGA]
    overtaken = Claim(SAGA, executor.token - 1)

    assert process.worker.recover(overtaken, world.entries(), world.state()) is executor
    answer.give()
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_start_in_flight_is_acknowledged_even_if_the_code_gives_up_the_branch_that_wrote_it(
    world_of: Callable[..., EngineWorld],
) -> None:
    """A TaskGroup cancels the branch whose append carries the start; the caller who started the saga is answered."""

    async def doomed(_order: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(shop.pricing.PriceOrder(PRICE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
                group.create_task(shop.inventory.ReserveStock(RESERVE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
        except* CommandRejected:
            pass
        return Receipt()

    world = world_of(saga("doomed", version=1)(doomed))
    world.participants.scripts["PriceOrder"] = [rejected()]
    process = world.process()
    process.journal.journal_is = "held"
    start = asyncio.ensure_future(process.worker.start(world.order()))
    await turns()
    process.journal.switch("up")
    await start

    assert (await world.stopped()).status is Status.SUSPENDED
    assert world.state().reason is not None
    assert world.observer.entries[SAGA] == world.entries()


class Unreadable:
    """Stands for a request class that can no longer read what the journal holds."""

    DESCRIPTOR = RESERVE.DESCRIPTOR

    @staticmethod
    def FromString(_data: bytes) -> object:  # noqa: N802 - as protobuf calls it
        raise ValueError("these bytes are no request")


async def test_an_engine_that_fails_suspends_the_saga_instead_of_trying_for_ever(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(altered(trip, "ReserveStock", request=Unreadable))
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.message) == ("ENGINE_FAILED", "ValueError: these bytes are no request")
    assert world.participants.of("ReleaseStock") == []


async def test_a_replica_that_recovers_many_sagas_stays_alive(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_CLAIM_BATCH", 2)
    process = world.process()
    world.participants.scripts["PriceOrder"] = [Answer() for _ in range(5)]
    for number in range(5):
        await process.worker.start(world.order(saga_id=f"saga-{number}"))
    world.crash()

    beats: list[str] = []
    heir = world.process()
    heartbeat, claim = heir.journal.heartbeat, heir.journal.claim_unfinished

    def beating(owner: str, lease: int) -> Awaitable[int]:
        beats.append("beat")
        return heartbeat(owner, lease)

    def claiming(owner: str, limit: int, served: Served | None = None) -> Awaitable[list[Claim]]:
        beats.append("claim")
        return claim(owner, limit, served)

    monkeypatch.setattr(heir.journal, "heartbeat", beating)
    monkeypatch.setattr(heir.journal, "claim_unfinished", claiming)
    assert await heir.worker.open() == 5
    assert beats == ["beat", *["claim", "beat"] * 3]


async def test_a_saga_that_has_ended_leaves_nothing_to_the_garbage_collector(world: EngineWorld) -> None:
    process = world.process()
    await process.run(saga_id="before")
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await process.run()
        await turns()
        gc.collect()
        left = {type(each) for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()

    assert not left & {Executor, CommandIssuer, Forward, StopControl, SagaWriter, SagaState}, "the rest is the world's"


async def test_changes_within_a_fifth_of_a_second_are_one_to_who_watches_all_sagas(world: EngineWorld) -> None:
    process = world.process()
    seen: list[Status | None] = []

    async def watch() -> None:
        async for state in process.worker.watch_all():
            seen.append(state.status)  # noqa: PERF401 - it never ends

    watching = asyncio.ensure_future(watch())
    await turns()
    await process.run()
    await until(lambda: Status.COMPLETED in seen)
    watching.cancel()

    assert world.clock.slept.count(0.2) >= 1


class Note:
    """What the process that died has noted, as a store keeps it.

    Attributes:
        noted: where the code of sagas hung, by id.
        cleared: is set when something of it was cleared.
    """

    def __init__(self) -> None:
        self.noted: dict[str, str] = {}
        self.cleared = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def read(self) -> dict[str, str]:
        return dict(self.noted)

    def write(self, saga_id: str, where: str) -> None:
        self.noted[saga_id] = where

    def clear(self, saga_ids: Collection[str]) -> None:
        for saga_id in saga_ids:
            self.noted.pop(saga_id, None)
        self._loop.call_soon_threadsafe(self.cleared.set)


async def test_code_that_hung_a_process_is_not_run_by_the_replica_that_takes_over(world: EngineWorld) -> None:
    """That replica has been there for long: what it knew at its start tells nothing of this saga."""
    note = Note()
    survivor = world.process()
    survivor.worker.live.frozen.note = note
    await survivor.worker.open()
    process, answer = await started(world, "AuthorizePayment")
    process.kill()
    note.write(SAGA, "the code has not yielded for 5 s, at sagas.py:7")
    note.write("another", "elsewhere")
    calls = len(world.participants.calls)
    await until(world.clock.is_held)
    world.clock.advance(61)
    await note.cleared.wait()

    state = world.state()
    assert state.suspension is not None
    assert "at sagas.py:7" in state.suspension.message
    assert len(world.participants.calls) == calls
    assert note.noted == {"another": "elsewhere"}, "that saga is not suspended"
    answer.give()


async def test_code_that_hung_before_is_not_run_and_the_saga_tells_where_it_hung(world: EngineWorld) -> None:
    process = world.process()
    process.worker.live.frozen.where = {SAGA: "the code has not yielded for 5 s, at sagas.py:7"}

    state = await process.run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert "at sagas.py:7" in state.reason.message
    assert not world.participants.calls
