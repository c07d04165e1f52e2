"""Backward: whatever may have an effect is compensated, in reverse order of start, or named to an operator."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from orchestrator import CommandRejected, SagaRejected, best_effort, saga
from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import CommandIntended, CompensationBegan, RollbackBegan
from orchestrator.journal.progress import StepState, steps
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status, StepOutcome
from shop.inventory.v1.inventory_pb2 import ReleaseStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import VoidAuthorizationRequest
from tests.support.engine_world import (
    ARRANGE,
    AUTHORIZE,
    BACKWARD,
    CAPTURE,
    CONFIRM,
    FORWARD,
    PRICE,
    RESERVE,
    SAGA,
    Answer,
    Shop,
    altered,
    recoded,
    rejected,
    trip,
    turns,
    unknown,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.ports.journal import Append
    from tests.support.engine_world import Definition, EngineWorld


async def test_a_rejected_command_compensates_those_before_it_in_reverse_order(world: EngineWorld) -> None:
    world.participants.scripts["ArrangeShipment"] = [rejected()]
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert state.reason == Reason(
        ReasonCode.REJECTED,
        "ShippingService.ArrangeShipment#1: FAILED_PRECONDITION (NO): no",
        "ShippingService.ArrangeShipment#1",
    )
    assert world.participants.methods() == [*FORWARD[:4], "VoidAuthorization", "ReleaseStock"]
    assert world.state().status is Status.COMPENSATED


async def test_a_rejected_pivot_rolls_back(world: EngineWorld) -> None:
    world.participants.scripts["CapturePayment"] = [rejected()]

    assert (await world.process().run()).status is Status.COMPENSATED
    assert world.participants.methods() == [*FORWARD[:5], *BACKWARD]


async def test_code_that_gives_up_rolls_back_and_says_why(world_of: Callable[..., EngineWorld]) -> None:
    async def choosy(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        raise SagaRejected("TOO_DEAR", "it costs too much")

    world = world_of(saga("choosy", version=1)(choosy))
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert state.reason == Reason(ReasonCode.REJECTED, "TOO_DEAR: it costs too much")
    assert world.participants.methods() == ["ReserveStock", "ReleaseStock"]


async def test_a_saga_without_effects_is_compensated_by_doing_nothing(world: EngineWorld) -> None:
    world.participants.scripts["ReserveStock"] = [rejected()]

    assert (await world.process().run()).status is Status.COMPENSATED
    assert world.participants.methods() == ["PriceOrder", "ReserveStock"]


async def test_a_compensation_carries_a_request_derived_from_the_command_and_names_it(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    await world.process().run()
    (call,) = world.participants.of("ReleaseStock")

    assert ReleaseStockRequest.FromString(call.request) == ReleaseStockRequest(order_id=SAGA)
    assert call.key == f"{SAGA}/compensation:InventoryService.ReserveStock#1"
    assert call.metadata["compensates"] == f"{SAGA}/InventoryService.ReserveStock#1"


async def test_a_compensation_is_sent_until_it_succeeds_with_the_same_key(world: EngineWorld) -> None:
    world.participants.scripts |= {"AuthorizePayment": [rejected()], "ReleaseStock": [unknown()] * 12}
    state = await world.process().run()
    calls = world.participants.of("ReleaseStock")

    assert state.status is Status.COMPENSATED
    assert len(calls) == 13
    assert len({call.key for call in calls}) == 1
    assert len({call.metadata["traceparent"] for call in calls}) == 13


async def test_a_compensation_begins_when_the_one_before_has_succeeded(world: EngineWorld) -> None:
    slow = Answer()
    world.participants.scripts |= {"CapturePayment": [rejected()], "VoidAuthorization": [slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    await turns()
    assert "ReleaseStock" not in world.participants.methods()

    slow.give()
    assert (await run).status is Status.COMPENSATED


async def test_a_refused_compensation_suspends_the_saga_with_the_rest_still_planned(world: EngineWorld) -> None:
    world.participants.scripts |= {"CapturePayment": [rejected()], "VoidAuthorization": [rejected(reason="TOO_LATE")]}
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason == Reason(
        ReasonCode.COMPENSATION_REJECTED, "FAILED_PRECONDITION (TOO_LATE): no", "PaymentService.AuthorizePayment#1"
    )
    assert world.participants.methods() == [*FORWARD[:5], "CancelShipment", "VoidAuthorization"]
    standing = [command.key for command in state.commands.values() if command.may_stand]
    assert standing == ["InventoryService.ReserveStock#1", "PaymentService.AuthorizePayment#1"]


async def test_a_rollback_waits_for_the_journal_when_it_begins_and_when_it_ends(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.participants.scripts["CapturePayment"] = [rejected()]
    process = world.process()
    appends: list[list[str]] = []
    append = process.journal.append

    def noting(each: Append) -> asyncio.Future[None]:
        appends.append([type(entry).__name__ for entry in each.entries])
        return append(each)

    monkeypatch.setattr(process.journal, "append", noting)
    await process.run()

    assert world.participants.methods() == [*FORWARD[:5], *BACKWARD]
    assert appends[-2:] == [
        ["CommandRefused", "RollbackBegan", *["CompensationBegan"] * len(BACKWARD)],
        [*["CompensationCompleted"] * len(BACKWARD), "SagaCompensated"],
    ]


async def test_the_step_whose_turn_it_is_is_compensating_and_the_others_stand_as_they_are(world: EngineWorld) -> None:
    slow = Answer()
    world.participants.scripts |= {"CapturePayment": [rejected()], "VoidAuthorization": [slow]}
    process = world.process()
    run = asyncio.ensure_future(process.run())
    await until(lambda: slow.asked)
    states = {step.method.rpartition(".")[2]: step.state for step in steps(process.worker.live[SAGA].state, None)}
    slow.give()
    await run

    assert states["ArrangeShipment"] is StepState.COMPENSATED
    assert states["AuthorizePayment"] is StepState.COMPENSATING
    assert states["ReserveStock"] is StepState.COMPLETED


async def test_the_reason_of_a_rollback_is_durable_before_its_first_compensation(world: EngineWorld) -> None:
    world.participants.scripts["ArrangeShipment"] = [rejected()]
    process = world.process()
    await process.run()
    entries = world.entries()
    (began,) = [number for number, entry in enumerate(entries) if isinstance(entry, RollbackBegan)]
    compensations = [number for number, entry in enumerate(entries) if isinstance(entry, CompensationBegan)]

    assert all(began < number for number in compensations)
    assert not world.broken_promises, "the world looks whenever a compensation is sent"


@saga("pair", version=1)
async def pair(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await asyncio.gather(shop.inventory.ReserveStock(RESERVE), shop.shipping.ArrangeShipment(ARRANGE))
    return Receipt()


@saga("group", version=1)
async def group(_order: StartOrderRequest, shop: Shop) -> Receipt:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(shop.inventory.ReserveStock(RESERVE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
        tasks.create_task(shop.shipping.ArrangeShipment(ARRANGE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
    return Receipt()


@pytest.mark.parametrize("definition", [pair, group], ids=str)
@pytest.mark.parametrize(
    ("late", "outcome", "compensations"),
    [
        (None, StepOutcome.COMPLETED, ["CancelShipment"]),
        (rejected(), StepOutcome.REJECTED, []),
        (unknown(), None, ["CancelShipment"]),
    ],
    ids=["completed", "rejected", "unknown"],
)
async def test_a_branch_in_flight_is_awaited_before_anything_is_compensated(
    world_of: Callable[..., EngineWorld],
    definition: object,
    late: object,
    outcome: StepOutcome | None,
    compensations: list[str],
) -> None:
    world = world_of(definition)
    slow = Answer()
    world.participants.scripts |= {"ReserveStock": [rejected()], "ArrangeShipment": [slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    await turns()
    assert not world.state().rollback

    slow.give(late)  # type: ignore[arg-type]  # an outcome
    state = await run
    assert state.status is Status.COMPENSATED
    assert state.commands["ShippingService.ArrangeShipment#1"].outcome is outcome
    assert world.participants.methods() == ["ReserveStock", "ArrangeShipment", *compensations]
    assert state.reason is not None
    assert state.reason.step_key == "InventoryService.ReserveStock#1"


@saga("deep", version=1)
async def deep(_order: StartOrderRequest, shop: Shop) -> Receipt:
    async def nested() -> None:
        await asyncio.gather(asyncio.gather(asyncio.gather(shop.shipping.ArrangeShipment(ARRANGE))))
        await shop.payment.AuthorizePayment(AUTHORIZE)

    await asyncio.gather(shop.inventory.ReserveStock(RESERVE), nested())
    return Receipt()


async def test_a_branch_left_behind_sends_nothing_once_the_rollback_began(world_of: Callable[..., EngineWorld]) -> None:
    """Its code gets the late answer turns after the rollback has begun, and goes on to its next command."""
    world = world_of(deep)
    slow = Answer()
    world.participants.scripts |= {"ReserveStock": [rejected()], "ArrangeShipment": [slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    slow.give()
    state = await run
    await turns()

    assert state.status is Status.COMPENSATED
    assert "AuthorizePayment" not in world.participants.methods()
    assert list(state.commands) == ["InventoryService.ReserveStock#1", "ShippingService.ArrangeShipment#1"]


async def test_a_branch_in_backoff_is_not_waited_for_and_compensated_as_in_doubt(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(pair)
    world.clock.hold_from = 0.0
    slow = Answer()
    world.participants.scripts |= {"ReserveStock": [slow], "ArrangeShipment": [unknown()]}
    run = asyncio.ensure_future(world.process().run())
    await until(world.clock.is_held)
    slow.give(rejected())
    state = await run

    assert state.status is Status.COMPENSATED
    assert world.participants.methods() == ["ReserveStock", "ArrangeShipment", "CancelShipment"]


async def test_what_was_tried_as_best_effort_is_compensated_too(world_of: Callable[..., EngineWorld]) -> None:
    async def modest(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await best_effort(shop.inventory.ReserveStock(RESERVE))
        await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    world = world_of(saga("modest", version=1)(modest))
    world.participants.scripts |= {"ReserveStock": [unknown()] * 4, "AuthorizePayment": [rejected()]}
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert world.participants.methods() == [*["ReserveStock"] * 4, "AuthorizePayment", "ReleaseStock"]


async def test_an_effect_that_nothing_takes_back_is_named_to_an_operator(world_of: Callable[..., EngineWorld]) -> None:
    async def careless(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.email.SendConfirmation(CONFIRM)
        await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    world = world_of(saga("careless", version=1)(careless))
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason == Reason(ReasonCode.EFFECT_STANDS, "nothing takes back: EmailService.SendConfirmation#1")
    assert world.participants.methods()[-1] == "ReleaseStock", "what can be taken back is"


async def test_a_rejection_after_the_pivot_suspends_and_compensates_nothing(world: EngineWorld) -> None:
    world.participants.scripts["SendConfirmation"] = [rejected()]
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("REJECTED_AFTER_PIVOT", "EmailService.SendConfirmation#1")
    assert world.participants.methods() == FORWARD


async def test_what_follows_the_pivot_is_retried_until_it_succeeds(world: EngineWorld) -> None:
    world.participants.scripts["SendConfirmation"] = [unknown()] * 30

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("SendConfirmation")) == 31


@saga("race", version=1)
async def race(_order: StartOrderRequest, shop: Shop) -> Receipt:
    """What the check would not let pass: a command that can be rejected, next to the pivot."""
    await shop.inventory.ReserveStock(RESERVE)
    await asyncio.gather(shop.shipping.ArrangeShipment(ARRANGE), shop.payment.CapturePayment(CAPTURE))
    return Receipt()


@pytest.mark.parametrize(
    ("capture", "status", "code"),
    [
        ([], Status.SUSPENDED, "REJECTED_AFTER_PIVOT"),
        ([rejected()], Status.COMPENSATED, "REJECTED"),
        ([unknown()], Status.SUSPENDED, "UNKNOWN"),
    ],
    ids=["accepted", "rejected", "in doubt"],
)
async def test_a_rejection_next_to_a_pivot_waits_for_it_and_never_compensates_before_it_is_settled(
    world_of: Callable[..., EngineWorld], capture: list[object], status: Status, code: str
) -> None:
    world = world_of(race)
    world.clock.hold_from = 0.0
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "CapturePayment": capture}
    state = await world.process().run()

    assert (state.status, state.reason.code if state.reason else None) == (status, code)
    assert ("ReleaseStock" in world.participants.methods()) == (status is Status.COMPENSATED)
    if code == "UNKNOWN":
        assert "PaymentService.CapturePayment#1 may have been accepted" in str(state.reason)


async def test_a_rollback_needs_no_code_and_finds_the_contract_through_any_saga(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(trip)
    slow = Answer()
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    other = await world.recover(pair)
    state = await world.stopped()
    run.cancel()

    assert state.status is Status.COMPENSATED
    assert other.worker.served.find(trip.name, trip.version) is None


@dataclasses.dataclass(frozen=True)
class Nobody:
    """No participant takes part."""


async def nothing(_order: StartOrderRequest, _nobody: Nobody) -> Receipt:
    return Receipt()


async def test_what_is_sent_again_is_the_same_to_the_byte_whatever_contract_is_at_hand(
    world_of: Callable[..., EngineWorld],
) -> None:
    """A request with a map, which is serialized differently from process to process, is journalled and sent so."""
    world = world_of(trip)
    slow = Answer()
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [unknown(), slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    (began,) = [e for e in world.entries() if isinstance(e, CompensationBegan) and "Authorize" in e.key]
    kept = world.journal._sagas[SAGA]
    other = began._replace(request=VoidAuthorizationRequest(order_id="as it was derived then").SerializeToString())
    kept.entries = [other if entry is began else entry for entry in kept.entries]
    await world.recover(altered(trip, "AuthorizePayment", compensation=None))
    world.observer.entries.clear()
    run.cancel()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.of("VoidAuthorization")[-1].request == other.request


async def test_a_journal_of_an_earlier_version_holds_no_request_and_it_is_derived(world: EngineWorld) -> None:
    slow = Answer()
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    kept = world.journal._sagas[SAGA]
    kept.entries = [e._replace(request=None) if isinstance(e, CompensationBegan) else e for e in kept.entries]
    await world.recover()
    world.observer.entries.clear()
    run.cancel()

    assert (await world.stopped()).status is Status.COMPENSATED
    before, after = world.participants.of("VoidAuthorization")
    assert before.request == after.request != b""


async def test_a_command_whose_contract_is_gone_is_named_to_an_operator(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(trip)
    slow = Answer()
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    await world.recover(recoded(trip, nothing, Nobody))
    state = await world.stopped()
    run.cancel()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("CONTRACT_MISSING", "PaymentService.AuthorizePayment#1")
    assert state.reason.message.endswith("was intended, and no contract at hand holds it")
    assert "ReleaseStock" not in world.participants.methods(), "the order is kept"


async def test_a_rollback_that_begins_without_the_contract_tells_what_to_serve(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(trip)
    never = Answer()
    world.participants.scripts["AuthorizePayment"] = [never]
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: never.asked)
    run.cancel()
    process = await world.recover(recoded(trip, nothing, Nobody))
    await world.stopped()
    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    state = await world.stopped()

    assert state.reason is not None
    assert state.reason.message == (
        "no contract at hand says how to compensate shop.payment.v1.PaymentService.AuthorizePayment; "
        "serve a saga that uses it"
    )


async def test_a_compensation_that_may_give_up_is_given_up_in_front_of_an_operator(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(giving_up(trip, attempts=2))
    world.participants.scripts |= {"AuthorizePayment": [rejected()], "ReleaseStock": [unknown()] * 9}
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason == Reason(ReasonCode.UNKNOWN, "DEADLINE_EXCEEDED: no answer", "InventoryService.ReserveStock#1")
    assert len(world.participants.of("ReleaseStock")) == 2
    told = world.state().compensation("InventoryService.ReserveStock#1")
    assert (told.attempts, told.failure) == (2, unknown().failure)
    assert told.sent_at is not None
    assert state.compensation("InventoryService.ReserveStock#1").attempts == 2


def giving_up(definition: Definition, attempts: int) -> Definition:
    """The definition, with a contract by which the compensation of ReserveStock gives up."""
    (command,) = [
        command
        for participant in definition.participants
        for command in participant.commands.values()
        if command.method == "ReserveStock"
    ]
    assert command.compensation is not None
    undo = dataclasses.replace(command.compensation, on_unknown=OnUnknown.SUSPEND, retry=RetryPolicy(attempts=attempts))
    return altered(definition, "ReserveStock", compensation=undo)


async def test_a_rejection_caught_by_the_code_compensates_nothing(world_of: Callable[..., EngineWorld]) -> None:
    async def calm(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        try:
            await shop.payment.AuthorizePayment(AUTHORIZE)
        except CommandRejected:
            await shop.pricing.PriceOrder(PRICE)
        return Receipt()

    world = world_of(saga("calm", version=1)(calm))
    world.participants.scripts["AuthorizePayment"] = [rejected()]

    assert (await world.process().run()).status is Status.COMPLETED
    assert world.participants.methods() == ["ReserveStock", "AuthorizePayment", "PriceOrder"]


async def test_a_request_that_its_contract_cannot_read_any_more_is_named_to_an_operator(world: EngineWorld) -> None:
    slow = Answer()
    world.participants.scripts |= {"ArrangeShipment": [slow, rejected()]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    kept = world.journal._sagas[SAGA]
    spoilt = [
        e._replace(request=b"\xff") if isinstance(e, CommandIntended) and "Authorize" in e.key else e
        for e in kept.entries
    ]
    kept.entries = [*spoilt, RollbackBegan(kept.entries[-1].at, Reason(ReasonCode.CANCELLED, "enough"))]
    kept.record = dataclasses.replace(kept.record, status=Status.COMPENSATING, sequence=len(kept.entries))
    world.observer.entries.clear()
    await world.recover()
    world.observer.entries.clear()
    run.cancel()
    state = await world.stopped()

    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("CONTRACT_MISSING", "PaymentService.AuthorizePayment#1")
    assert "cannot be read" in state.reason.message
