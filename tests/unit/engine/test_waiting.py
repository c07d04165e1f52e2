"""What a live saga waits for, and what the log says of suspensions and of participants that come and go."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.bindings.circuit_breaker import FAILURES_TO_OPEN
from orchestrator.engine.run.suspension import next_command
from orchestrator.engine.sagas import WaitReason
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import RetryRequested
from orchestrator.journal.outcome import Failure, Unknown
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, Answer, rejected, unknown, until

if TYPE_CHECKING:
    from tests.support.engine_world import EngineProcess, EngineWorld

RESERVE = "InventoryService.ReserveStock#1"
INVENTORY = "shop.inventory.v1.InventoryService"
NOBODY = Unknown(Failure(StatusCode.UNAVAILABLE, "connection refused"))


async def started(world: EngineWorld) -> EngineProcess:
    process = world.process()
    await process.worker.start(world.order())
    return process


async def test_a_saga_on_its_way_waits_for_nothing(world: EngineWorld) -> None:
    answer = Answer()
    world.participants.scripts["ReserveStock"] = [answer]
    process = await started(world)
    await until(lambda: answer.asked)

    assert process.worker.live[SAGA].waiting == []


async def test_a_saga_that_backs_off_says_since_when_until_when_and_why(world: EngineWorld) -> None:
    world.participants.scripts["ReserveStock"] = [unknown(), unknown(retry_after=60)]
    process = await started(world)
    await until(world.clock.is_held)

    (waiting,) = process.worker.live[SAGA].waiting
    assert (waiting.reason, waiting.key, waiting.service) == (WaitReason.BACKOFF, RESERVE, INVENTORY)
    assert waiting.attempt == 3
    assert waiting.failure == Failure(StatusCode.DEADLINE_EXCEEDED, "no answer")
    assert waiting.since < world.clock.time, "since the first attempt that failed"
    assert 59 < (waiting.until - world.clock.time) / 1e9 <= 60

    world.clock.advance(60)
    await until(lambda: SAGA not in process.worker.live)


async def test_a_rollback_that_backs_off_names_the_command_that_it_compensates(world: EngineWorld) -> None:
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [unknown(retry_after=60)]}
    process = await started(world)
    await until(world.clock.is_held)

    (waiting,) = process.worker.live[SAGA].waiting
    assert (waiting.reason, waiting.key) == (WaitReason.BACKOFF, "PaymentService.AuthorizePayment#1")
    world.clock.advance(60)


async def test_a_saga_whose_participant_is_down_says_so(world: EngineWorld, caplog: pytest.LogCaptureFixture) -> None:
    process = world.process()
    breaker = process.worker.bindings.breakers[INVENTORY]
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.try_enter()
        breaker.leave(reached=False)
    went_down = breaker.down_since
    world.clock.hold_from = 0.0
    await process.worker.start(world.order())
    await until(lambda: breaker.waiting)

    (waiting,) = process.worker.live[SAGA].waiting
    assert waiting[:3] == (WaitReason.PARTICIPANT_DOWN, RESERVE, INVENTORY)
    assert waiting.since == went_down
    assert waiting.until == breaker.next_check_at > went_down

    world.clock.advance(60)
    await until(lambda: not breaker.is_open)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == [
        f"participant {INVENTORY} is down: 5 calls in a row found nobody there; sagas wait until it is back",
        f"participant {INVENTORY} is back; it was down for 60.0 s",
    ]


async def test_a_saga_that_waits_for_its_turn_says_that_the_participant_is_busy(world: EngineWorld) -> None:
    process = world.process()
    breaker = process.worker.bindings.breakers[INVENTORY]
    while breaker.try_enter():
        pass
    await process.worker.start(world.order())
    await until(lambda: breaker.waiting)

    (waiting,) = process.worker.live[SAGA].waiting
    assert (waiting.reason, waiting.until) == (WaitReason.PARTICIPANT_BUSY, 0)


@pytest.mark.parametrize("refused", ["going forward", "rolling back"])
async def test_each_suspension_is_a_warning_with_its_reason_and_the_next_command(
    world: EngineWorld, caplog: pytest.LogCaptureFixture, refused: str
) -> None:
    if refused == "going forward":
        world.participants.scripts["SendConfirmation"] = [rejected()]
        code, step, answer = "REJECTED_AFTER_PIVOT", "EmailService.SendConfirmation#1", "--took-effect|--no-effect"
    else:
        world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [rejected()]}
        code, step, answer = "COMPENSATION_REJECTED", "PaymentService.AuthorizePayment#1", "--compensated"

    await world.process().run()

    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told.startswith(f"saga {SAGA} (trip v1) is suspended because of {code}: ")
    assert told.endswith(f"next: orchestrator resolve {SAGA} {step} {answer} --evidence ...")


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        (Reason(ReasonCode.DIVERGED, "?"), "once that is mended: orchestrator resume s"),
        (Reason(ReasonCode.UNKNOWN, "?", "A#1"), "orchestrator resolve s A#1 --took-effect|--no-effect --evidence ..."),
        (Reason(ReasonCode.UNKNOWN, "?"), "orchestrator show s"),
        (
            Reason(ReasonCode.COMPENSATION_REJECTED, "?", "A#1"),
            "orchestrator resolve s A#1 --compensated --evidence ...",
        ),
        (Reason(ReasonCode.CONTRACT_MISSING, "?"), "once that is mended: orchestrator resume s"),
    ],
)
def test_every_reason_has_a_next_command(reason: Reason, command: str) -> None:
    assert next_command("s", reason) == command


async def test_an_attempt_that_an_operator_wants_now_is_made_at_once_and_journalled(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [unknown()]
    world.clock.hold_from = 0.0  # no pause ends by itself
    process = world.process()
    run = asyncio.ensure_future(process.run())
    await until(lambda: SAGA in process.worker.live and process.worker.live[SAGA].backs_off)

    await process.acts.retry_now(SAGA, "the bank is back", Actor("ada"))
    await run

    assert world.state().status is Status.COMPLETED
    (requested,) = (entry for entry in world.entries() if isinstance(entry, RetryRequested))
    assert requested.reason == Reason(ReasonCode.RETRY_NOW, "the bank is back", "", "ada")
