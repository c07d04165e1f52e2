"""A rejection settles its own attempt: an attempt before it, which may have had an effect, stays in doubt.

Between the orchestrator and a participant's guard stand proxies, meshes and wrong backends, and they answer, too.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import CommandRejected, CommandUnknown, best_effort, saga, scope
from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.errors import ActRefused, CancelRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import (
    AttemptFailed,
    CommandAbandoned,
    CompensationBegan,
    CompensationResolved,
    SagaCompleted,
)
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status, StepOutcome
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from shop.payment.v1.payment_pb2 import GetPaymentResponse
from tests.support.engine_world import (
    ARRANGE,
    AUTHORIZE,
    BACKWARD,
    CAPTURE,
    CONFIRM,
    NOT_SEEN,
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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.journal.state import SagaState
    from tests.support.engine_world import Definition, EngineProcess, EngineWorld

    Code = Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]

AUTHORIZED = "PaymentService.AuthorizePayment#1"
CAPTURED = "PaymentService.CapturePayment#1"
CONFIRMED = "EmailService.SendConfirmation#1"
RESERVED = "InventoryService.ReserveStock#1"
# Who answers in a participant's place: a wrong backend, a mesh, a load balancer, a service without a guard.
FRONTS = ["UNIMPLEMENTED", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"]
fronts = pytest.mark.parametrize("code", FRONTS)
TWICE = RetryPolicy(attempts=2, first_delay=timedelta(milliseconds=10))


def saga_of(code: Code) -> Definition:
    return saga("doubtful", version=1)(code)


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


async def detour(_order: StartOrderRequest, shop: Shop) -> Receipt:
    """Goes on without a payment of which it will never know, and completes."""
    await shop.inventory.ReserveStock(RESERVE)
    with contextlib.suppress(CommandUnknown):
        await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt()


def misled(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [unknown(), rejected("UNIMPLEMENTED")]


async def test_what_a_saga_goes_on_without_is_compensated_before_it_completes(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    misled(world)
    state = await world.process().run()

    assert state.status is Status.COMPLETED
    assert world.participants.methods()[-2:] == ["CapturePayment", "VoidAuthorization"]
    compensation = state.commands[AUTHORIZED].compensation
    assert compensation is not None
    assert compensation.ended_at is not None
    kinds = [type(entry) for entry in world.entries()]
    assert kinds.index(CompensationBegan) < kinds.index(SagaCompleted)


async def suspended_before_its_end(world: EngineWorld) -> tuple[EngineProcess, SagaState]:
    misled(world)
    world.participants.scripts["VoidAuthorization"] = [rejected()]
    process = world.process()
    return process, await process.run()


async def test_what_cannot_be_compensated_before_the_end_is_listed_in_front_of_an_operator(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    process, state = await suspended_before_its_end(world)

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("COMPENSATION_REJECTED", AUTHORIZED)
    with pytest.raises(CancelRefused):
        await process.acts.cancel(SAGA, "please", Actor("ada"))
    await process.acts.resume(SAGA, "they mended it", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPLETED
    assert len({call.key for call in world.participants.of("VoidAuthorization")}) == 1
    assert len({call.request for call in world.participants.of("VoidAuthorization")}) == 1
    assert len(world.participants.of("VoidAuthorization")) == 2


@pytest.mark.parametrize("decision", ["skip_compensation", "resolve_compensation"])
async def test_an_operator_decides_about_what_a_saga_has_gone_on_without(
    world_of: Callable[..., EngineWorld], decision: str
) -> None:
    world = world_of(saga_of(detour))
    process, _ = await suspended_before_its_end(world)
    await getattr(process.acts, decision)(SAGA, AUTHORIZED, "by hand", Actor("ada"))
    await process.acts.resume(SAGA, "done", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPLETED
    assert len(world.participants.of("VoidAuthorization")) == 1


async def test_a_cancel_while_a_saga_compensates_before_its_end_rolls_it_back(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def unsold(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        with contextlib.suppress(CommandUnknown):
            await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    world = world_of(saga_of(unsold))
    misled(world)
    slow = Answer()
    world.participants.scripts["VoidAuthorization"] = [slow]
    process = world.process()
    run = asyncio.ensure_future(process.run())
    await until(lambda: slow.asked)
    cancel = asyncio.ensure_future(process.acts.cancel(SAGA, "changed my mind", Actor("ada")))
    await turns()
    slow.give()
    await cancel

    assert (await run).status is Status.COMPENSATED
    assert world.participants.methods()[-1] == "ReleaseStock"


async def test_a_pause_while_a_saga_compensates_before_its_end_suspends_it(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    misled(world)
    slow = Answer()
    world.participants.scripts["VoidAuthorization"] = [slow]
    process = world.process()
    run = asyncio.ensure_future(process.run())
    await until(lambda: slow.asked)
    pause = asyncio.ensure_future(process.acts.pause(SAGA, "wait", Actor("ada")))
    await turns()
    slow.give(unknown())
    assert (await pause).status is Status.SUSPENDED
    await run
    await process.acts.resume(SAGA, "go on", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_saga_is_recovered_from_a_crash_while_it_compensates_before_its_end(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    misled(world)
    slow = Answer()
    world.participants.scripts["VoidAuthorization"] = [slow]
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    run.cancel()
    await world.recover()

    assert (await world.stopped()).status is Status.COMPLETED
    before, after = world.participants.of("VoidAuthorization")
    assert (before.key, before.request) == (after.key, after.request)
    assert len(world.participants.of("CapturePayment")) == 1


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


def pivot(verify: object = ...) -> Definition:
    changes: dict[str, Any] = {} if verify is ... else {"verify": verify}
    return altered(trip, "CapturePayment", on_unknown=OnUnknown.RESEND, **changes)


@fronts
async def test_a_pivot_that_is_refused_after_doubt_is_verified(world_of: Callable[..., EngineWorld], code: str) -> None:
    world = world_of(pivot())
    world.participants.scripts["CapturePayment"] = [unknown(), rejected(code)]
    world.participants.replies["GetPayment"] = GetPaymentResponse(payment_id="p-1")
    state = await world.process().run()

    assert state.status is Status.COMPLETED
    assert len(world.participants.of("CapturePayment")) == 2
    (question,) = world.participants.of("GetPayment")
    assert question.metadata["verifies"] == f"{SAGA}/{CAPTURED}"


@fronts
async def test_a_pivot_that_is_refused_after_doubt_and_cannot_be_verified_suspends(
    world_of: Callable[..., EngineWorld], code: str
) -> None:
    world = world_of(pivot(verify=None))
    world.participants.scripts["CapturePayment"] = [unknown(), rejected(code)]
    process = world.process()
    state = await process.run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("UNKNOWN", CAPTURED)
    assert not set(BACKWARD) & set(world.participants.methods()), "never compensated"
    with pytest.raises(CancelRefused, match="may be past its point of no return"):
        await process.acts.cancel(SAGA, "please", Actor("ada"))
    await process.acts.resume(SAGA, "the mesh is mended", Actor("ada"))
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_pivot_that_did_not_take_effect_is_sent_again(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(pivot())
    world.participants.scripts |= {
        "CapturePayment": [unknown(), rejected("UNIMPLEMENTED")],
        "GetPayment": [NOT_SEEN],
    }

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("CapturePayment")) == 3


async def test_a_pivot_that_did_not_take_effect_and_is_refused_again_by_a_front_suspends(
    world_of: Callable[..., EngineWorld],
) -> None:
    """The first attempt may still be on its way: only the guard's own refusal bars it."""
    world = world_of(pivot())
    world.participants.scripts |= {
        "CapturePayment": [unknown(), *[rejected("UNIMPLEMENTED")] * 2],
        "GetPayment": [NOT_SEEN] * 2,
    }
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert not set(BACKWARD) & set(world.participants.methods())


async def test_a_pivot_that_did_not_take_effect_and_is_refused_by_its_guard_rolls_back(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(pivot())
    world.participants.scripts |= {
        "CapturePayment": [unknown(), rejected("UNIMPLEMENTED"), rejected(echoed=True)],
        "GetPayment": [NOT_SEEN],
    }

    assert (await world.process().run()).status is Status.COMPENSATED
    assert world.participants.methods()[-3:] == BACKWARD


@pytest.mark.parametrize(
    "answer",
    [
        rejected("NOT_FOUND", ""),
        rejected("NOT_FOUND", "ROUTE_NOT_FOUND"),
        rejected("PERMISSION_DENIED", "COMMAND_NOT_SEEN"),
        rejected("UNIMPLEMENTED", ""),
    ],
)
async def test_only_what_a_guard_says_of_a_command_is_a_no(
    world_of: Callable[..., EngineWorld], answer: object
) -> None:
    world = world_of(pivot())
    world.participants.scripts |= {"CapturePayment": [unknown(), rejected("NOT_FOUND")], "GetPayment": [answer]}
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.code == "UNKNOWN"


async def test_a_rule_of_the_querys_contract_may_say_no(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(pivot())
    ruled = rejected("NOT_FOUND", "")._replace(ruled=True)
    world.participants.scripts |= {"CapturePayment": [unknown(), rejected("NOT_FOUND")], "GetPayment": [ruled]}

    assert (await world.process().run()).status is Status.COMPLETED


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


async def test_a_compensation_that_is_refused_after_doubt_is_sent_again_a_few_times(world: EngineWorld) -> None:
    world.participants.scripts |= {
        "ArrangeShipment": [rejected()],
        "VoidAuthorization": [unknown(), rejected("UNIMPLEMENTED"), rejected("UNIMPLEMENTED")],
    }
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert len(world.participants.of("VoidAuthorization")) == 4


async def test_a_compensation_that_is_refused_again_and_again_comes_before_an_operator(world: EngineWorld) -> None:
    world.participants.scripts |= {
        "ArrangeShipment": [rejected()],
        "VoidAuthorization": [unknown(), *[rejected("NOT_FOUND")] * 9],
    }
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("COMPENSATION_REJECTED", AUTHORIZED)
    assert len(world.participants.of("VoidAuthorization")) == 4
    assert world.participants.of("ReleaseStock") == [], "the order is kept"


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


async def test_an_operator_may_not_skip_what_nothing_is_in_the_way_of(world: EngineWorld) -> None:
    world.participants.scripts |= {"CapturePayment": [rejected()], "VoidAuthorization": [rejected()]}
    process = world.process()
    await process.run()
    for key in (RESERVED, "ReserveStock", "InventoryService.ReserveStock"):
        with pytest.raises(ActRefused):
            await process.acts.skip_compensation(SAGA, key, "why not", Actor("ada"))
    with pytest.raises(ActRefused, match=f"what is: {AUTHORIZED}"):
        await process.acts.skip_compensation(SAGA, RESERVED, "why not", Actor("ada"))
    await process.acts.skip_compensation(SAGA, AUTHORIZED, "refunded in cash", Actor("ada"))
    await process.acts.resume(SAGA, "go on", Actor("ada"))

    assert (await world.stopped()).status is Status.PARTIALLY_COMPENSATED
    assert world.participants.methods()[-1] == "ReleaseStock"


async def test_a_name_that_more_than_one_command_has_is_refused_with_the_candidates(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def twice(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.inventory.ReserveStock(RESERVE)
        with scope("item-1"):
            await shop.inventory.ReserveStock(RESERVE)
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    world = world_of(saga_of(twice))
    world.participants.scripts |= {"CapturePayment": [rejected()], "ReleaseStock": [None, rejected()]}
    process = world.process()
    await process.run()
    candidates = "ReserveStock#1, InventoryService.ReserveStock#2, item-1/InventoryService.ReserveStock#1; say which"
    for act in (process.acts.skip_compensation, process.acts.resolve_compensation):
        with pytest.raises(ActRefused, match=candidates) as refused:
            await act(SAGA, "InventoryService.ReserveStock", "by hand", Actor("ada"))
        assert refused.value.reason == "AMBIGUOUS_COMMAND"
    await process.acts.skip_compensation(SAGA, "InventoryService.ReserveStock#2", "sold by hand", Actor("ada"))

    assert [command.skipped for command in world.state().commands.values()] == [False, True, False, False]


async def test_an_effect_that_was_taken_back_by_hand_is_compensated(world: EngineWorld) -> None:
    world.participants.scripts |= {"CapturePayment": [rejected()], "VoidAuthorization": [rejected("NOT_FOUND")]}
    process = world.process()
    await process.run()
    await process.acts.resolve_compensation(SAGA, "PaymentService.AuthorizePayment", "voided by hand", Actor("ada"))
    await process.acts.resume(SAGA, "go on", Actor("ada"))
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert len(world.participants.of("VoidAuthorization")) == 1
    (resolved,) = (entry for entry in world.entries() if isinstance(entry, CompensationResolved))
    assert resolved.reason == Reason(ReasonCode.RESOLVED, "voided by hand", "PaymentService.AuthorizePayment#1", "ada")


async def test_an_effect_without_a_compensation_that_was_taken_back_by_hand_is_compensated(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def hasty(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.email.SendConfirmation(CONFIRM)
        await shop.shipping.ArrangeShipment(ARRANGE)
        return Receipt()

    world = world_of(saga_of(hasty))
    world.participants.scripts["ArrangeShipment"] = [rejected()]
    process = world.process()
    state = await process.run()
    assert state.reason is not None
    assert state.reason.code == "EFFECT_STANDS"
    await process.acts.resolve_compensation(SAGA, CONFIRMED, "told them", Actor("ada"))
    await process.acts.resume(SAGA, "go on", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPENSATED


async def test_what_a_saga_has_gone_on_without_cannot_be_made_known_to_its_code_any_more(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    process, _ = await suspended_before_its_end(world)

    with pytest.raises(ActRefused, match="has gone on without") as refused:
        await process.acts.resolve_outcome(
            SAGA, AUTHORIZED, took_effect=True, reply=b"", evidence="the bank says so", requested_by=Actor("ada")
        )
    assert refused.value.reason == "GONE_ON_WITHOUT"


async def test_what_a_saga_has_gone_on_without_and_never_took_effect_needs_no_compensation(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    process, _ = await suspended_before_its_end(world)
    await process.acts.resolve_outcome(
        SAGA, AUTHORIZED, took_effect=False, reply=None, evidence="the bank says so", requested_by=Actor("ada")
    )
    await process.acts.resume(SAGA, "go on", Actor("ada"))
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert state.commands[AUTHORIZED].outcome is StepOutcome.UNKNOWN, "as its code was told"
    assert len(world.participants.of("VoidAuthorization")) == 1
