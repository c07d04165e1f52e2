"""A participant that is down delays its sagas, is not hammered by them, and gets them all once it is back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.bindings.circuit_breaker import FAILURES_TO_OPEN
from orchestrator.engine.run.commands.command_execution import NOT_SENT
from orchestrator.journal.actor import Actor
from orchestrator.journal.outcome import Failure, Unknown
from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, Answer, until

if TYPE_CHECKING:
    from tests.support.engine_world import EngineWorld

PAYMENT = "shop.payment.v1.PaymentService"


async def test_a_participant_that_is_down_is_asked_for_its_health_and_not_for_commands(world: EngineWorld) -> None:
    process = world.process()
    health: list[bool] = [False] * 30

    async def is_serving(_service: str) -> bool:
        return health.pop(0) if health else True

    breaker = process.worker.bindings.breakers[PAYMENT]
    breaker._check = lambda: is_serving(PAYMENT)
    world.participants.scripts["AuthorizePayment"] = [
        Unknown(Failure(StatusCode.UNAVAILABLE, "refused"))
    ] * FAILURES_TO_OPEN

    state = await process.run()

    assert state.status is Status.COMPLETED
    assert health == [], "it was asked until it was back"
    assert len(world.participants.of("AuthorizePayment")) == FAILURES_TO_OPEN + 1


async def test_a_participant_that_says_itself_that_it_is_unavailable_is_there(world: EngineWorld) -> None:
    process = world.process()
    says_so = Unknown(Failure(StatusCode.UNAVAILABLE, "in a moment", "WARMING_UP"))
    world.participants.scripts["AuthorizePayment"] = [says_so] * (FAILURES_TO_OPEN * 2)

    assert (await process.run()).status is Status.COMPLETED
    assert not process.worker.bindings.breakers[PAYMENT].is_open


async def test_a_saga_that_waits_for_its_turn_is_cancelled_at_once(world: EngineWorld) -> None:
    process = world.process()
    breaker = process.worker.bindings.breakers[PAYMENT]
    breaker._limit.make_room(0)
    await process.worker.start(world.order())
    await until(lambda: breaker.waiting)

    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    breaker._close()  # for the compensations
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert world.participants.methods()[-2:] == ["ReserveStock", "ReleaseStock"], "what was not sent needs no undo"
    assert breaker.in_flight == 0
    unsent = state.commands["PaymentService.AuthorizePayment#1"]
    assert unsent.failure == Failure(StatusCode.CANCELLED, "it was not sent any more", NOT_SENT)
    assert unsent.attempts == 0, "no attempt, and so no span of one"


async def test_what_an_earlier_process_may_have_sent_is_compensated_though_this_one_has_not_sent_it(
    world: EngineWorld,
) -> None:
    world.participants.scripts["AuthorizePayment"].append(answer := Answer())
    await world.process().worker.start(world.order())
    await until(lambda: answer.asked)
    world.crash()
    process = world.process()
    breaker = process.worker.bindings.breakers[PAYMENT]
    breaker._limit.make_room(0)
    opening = asyncio.ensure_future(process.worker.open())
    await until(lambda: breaker.waiting)

    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    breaker._close()  # for the compensations
    await opening

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods()[-3:] == ["AuthorizePayment", "VoidAuthorization", "ReleaseStock"]
