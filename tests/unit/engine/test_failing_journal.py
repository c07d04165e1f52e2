"""A journal that fails delays sagas, and loses none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status
from tests.support.engine_world import FORWARD, SAGA, Answer, rejected, turns, unknown, until
from tests.support.journals import Writing
from tests.unit.engine.held_sagas import started

if TYPE_CHECKING:
    from orchestrator.ports.claims import Claim, Served
    from tests.support.engine_world import EngineWorld


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
