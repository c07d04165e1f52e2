"""A rejection settles its own attempt: an attempt before it, which may have had an effect, stays in doubt.

Between the orchestrator and a participant's guard stand proxies, meshes and wrong backends, and they answer, too.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator import CommandRejected, CommandUnknown, best_effort, scope
from orchestrator.contract.command import OnUnknown
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import AttemptFailed, CommandAbandoned
from orchestrator.journal.state import Status, StepOutcome
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from tests.support.engine_world import (
    AUTHORIZE,
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
from tests.unit.engine.doubtful_sagas import AUTHORIZED, CONFIRMED, TWICE, fronts, saga_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld


@fronts
@pytest.mark.parametrize("policy", OnUnknown)
async def test_a_compensable_command_that_is_refused_after_doubt_is_compensated(
    world_of: Callable[..., EngineWorld], code: str, policy: OnUnknown
) -> None:
    world = world_of(altered(trip, "AuthorizePayment", on_unknown=policy))
    world.participants.scripts["AuthorizePayment"] = [unknown(), rejected(code)]
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert state.commands[AUTHORIZED].outcome is StepOutcome.UNKNOWN
    (void,) = world.participants.of("VoidAuthorization")
    assert void.metadata["compensates"] == f"{SAGA}/{AUTHORIZED}"


async def test_a_refusal_by_the_guard_itself_is_definite_for_every_attempt(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [unknown(), rejected(echoed=True)]
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert state.commands[AUTHORIZED].outcome is StepOutcome.REJECTED
    assert world.participants.of("VoidAuthorization") == []


async def test_a_refusal_of_the_first_attempt_is_definite_whatever_refuses(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [rejected("UNIMPLEMENTED")]
    state = await world.process().run()

    assert state.commands[AUTHORIZED].outcome is StepOutcome.REJECTED
    assert world.participants.of("VoidAuthorization") == []


async def test_code_that_would_catch_a_rejection_gets_the_unknown(world_of: Callable[..., EngineWorld]) -> None:
    caught: list[type[Exception]] = []

    async def careful(_order: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            await shop.payment.AuthorizePayment(AUTHORIZE)
        except CommandRejected as error:
            caught.append(type(error))
        except CommandUnknown as error:
            caught.append(type(error))
            raise
        return Receipt()

    world = world_of(saga_of(careful))
    world.participants.scripts["AuthorizePayment"] = [unknown(), rejected("NOT_FOUND")]

    assert (await world.process().run()).status is Status.COMPENSATED
    assert caught == [CommandUnknown]


@fronts
async def test_an_attempt_that_a_crash_left_behind_is_in_doubt_whatever_answers_the_next(
    world: EngineWorld, code: str
) -> None:
    slow = Answer()
    world.participants.scripts["AuthorizePayment"] = [slow, rejected(code)]
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    run.cancel()
    await world.recover()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods()[-2:] == ["VoidAuthorization", "ReleaseStock"]


async def test_a_branch_that_was_given_up_on_stays_in_doubt_when_its_late_answer_is_a_front(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def failing_fast(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.payment.AuthorizePayment(AUTHORIZE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
            group.create_task(shop.inventory.ReserveStock(RESERVE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
        return Receipt()

    world = world_of(saga_of(failing_fast))
    late, refused = Answer(), Answer()
    world.participants.scripts |= {"AuthorizePayment": [unknown(), late], "ReserveStock": [refused]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: late.asked and refused.asked)
    refused.give(rejected())
    await turns()
    late.give(rejected("UNIMPLEMENTED"))

    assert (await run).status is Status.COMPENSATED
    assert world.participants.methods()[-1] == "VoidAuthorization"


@fronts
async def test_a_retryable_that_is_refused_after_doubt_is_sent_again(world: EngineWorld, code: str) -> None:
    world.participants.scripts["SendConfirmation"] = [unknown(), *[rejected(code)] * 9]
    state = await world.process().run()

    assert state.status is Status.COMPLETED
    assert (len(world.participants.of("SendConfirmation")), state.commands[CONFIRMED].attempts) == (11, 11)


async def test_the_attempts_of_a_retryable_that_is_refused_after_doubt_count(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(altered(trip, "SendConfirmation", on_unknown=OnUnknown.SUSPEND, retry=TWICE))
    world.participants.scripts["SendConfirmation"] = [unknown(), rejected("NOT_FOUND")]
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("UNKNOWN", CONFIRMED)


async def test_a_retryable_that_is_refused_without_doubt_suspends(world: EngineWorld) -> None:
    world.participants.scripts["SendConfirmation"] = [rejected()]
    state = await world.process().run()

    assert state.reason is not None
    assert state.reason.code == "REJECTED_AFTER_PIVOT"


async def test_a_best_effort_command_that_is_refused_after_doubt_is_abandoned_as_unknown(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def easy(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await best_effort(shop.analytics.RecordOrder(RecordOrderRequest()))
        with scope("hold"):
            await best_effort(shop.payment.AuthorizePayment(AUTHORIZE))
        return Receipt()

    world = world_of(saga_of(easy))
    world.participants.scripts |= {
        "RecordOrder": [unknown(), *[rejected("NOT_FOUND")] * 9],
        "AuthorizePayment": [unknown(), rejected("NOT_FOUND")],
    }
    state = await world.process().run()

    assert state.status is Status.COMPLETED
    assert {command.outcome for command in state.commands.values()} == {StepOutcome.UNKNOWN}
    assert len(world.participants.of("RecordOrder")) == 2, "as many as its contract allows"
    assert world.participants.of("VoidAuthorization") == []


async def test_what_is_abandoned_says_after_which_attempt_and_when_that_was_sent(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def easy(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await best_effort(shop.analytics.RecordOrder(RecordOrderRequest()))
        return Receipt()

    world = world_of(saga_of(easy))
    world.participants.scripts["RecordOrder"] = [unknown()] * 9
    await world.process().run()

    failed = [entry for entry in world.entries() if isinstance(entry, AttemptFailed | CommandAbandoned)]
    assert [(type(entry), entry.attempt) for entry in failed] == [(AttemptFailed, 1), (CommandAbandoned, 2)]
    assert all(0 < entry.started_at <= entry.at for entry in failed)


async def test_a_query_that_is_refused_after_a_timeout_is_refused(world: EngineWorld) -> None:
    world.participants.scripts["PriceOrder"] = [unknown(), rejected("NOT_FOUND")]
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert state.commands["PricingService.PriceOrder#1"].outcome is StepOutcome.REJECTED


async def test_a_cancel_while_a_command_is_in_doubt_compensates_it_whatever_a_front_answers(world: EngineWorld) -> None:
    slow = Answer()
    world.participants.scripts["AuthorizePayment"] = [unknown(), slow]
    process = world.process()
    run = asyncio.ensure_future(process.run())
    await until(lambda: slow.asked)
    cancel = asyncio.ensure_future(process.acts.cancel(SAGA, "changed my mind", Actor("ada")))
    await turns()
    slow.give(rejected("UNAUTHENTICATED"))
    await cancel

    assert (await run).status is Status.COMPENSATED
    assert world.participants.methods()[-2:] == ["VoidAuthorization", "ReleaseStock"]
