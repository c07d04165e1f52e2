"""A replica that lost its claim does nothing more for a saga."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from orchestrator.ports.claims import Claim
from tests.support.engine_world import SAGA, Answer, turns, unknown, until
from tests.unit.engine.held_sagas import started

if TYPE_CHECKING:
    from tests.support.engine_world import EngineWorld


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
