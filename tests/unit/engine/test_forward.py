"""Forward: intents before commands, one key per intent, retries, and the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from google.protobuf.descriptor_pb2 import UninterpretedOption

from orchestrator import CommandRejected, best_effort, saga, saga_id, scope
from orchestrator.contract.command import Effect
from orchestrator.engine.bindings.binding import Bindings
from orchestrator.engine.run.commands.durable_channel import DurableChannel
from orchestrator.errors import DefinitionError
from orchestrator.journal.entries import AttemptFailed, CommandIntended
from orchestrator.journal.state import Status
from orchestrator.testing.world.clock import JumpingClock
from orchestrator.testing.world.participants import ReceivedCall, ScriptedParticipants
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.pricing.v1.pricing_pb2 import PricedLine, PriceOrderResponse
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest
from tests.support.engine_world import (
    ARRANGE,
    CAPTURE,
    CONFIRM,
    FORWARD,
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Completed
    from orchestrator.ports.journal import Append
    from tests.support.engine_world import EngineWorld


async def test_a_saga_goes_through_and_answers_with_what_its_code_made_of_the_replies(world: EngineWorld) -> None:
    price = PriceOrderResponse(lines=[PricedLine(sku="MUG")])
    price.total.units = 7
    world.participants.replies["PriceOrder"] = price
    state = await world.process().run()

    assert state.status is Status.COMPLETED
    assert world.participants.methods() == FORWARD
    assert state.result is not None
    assert Receipt.FromString(state.result) == Receipt(order_id="ada", total=price.total, carrier="carrier")
    assert world.state().result == state.result


async def test_an_effectful_command_leaves_after_its_intent_and_all_before_it_are_durable(world: EngineWorld) -> None:
    durable: dict[str, list[str]] = {}

    def look(command: Command, _call: ReceivedCall) -> None:
        intents = [entry for entry in world.entries() if isinstance(entry, CommandIntended)]
        durable[command.method] = [intent.method.rpartition(".")[2] for intent in intents]

    world.participants.on_call = look
    await world.process().run()

    assert durable.pop("PriceOrder") == [], "a query needs no intent"
    assert durable == {method: FORWARD[: FORWARD.index(method) + 1] for method in FORWARD[1:]}


async def test_an_intent_that_is_not_durable_yet_holds_its_command_back(world: EngineWorld) -> None:
    process = world.process()
    process.journal.journal_is = "held"
    started = asyncio.ensure_future(process.run())
    await turns()
    assert world.participants.methods() == ["PriceOrder"]

    process.journal.switch("up")
    await started
    assert world.participants.methods() == FORWARD


async def test_a_saga_of_n_effectful_commands_waits_for_the_journal_n_plus_one_times(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = world.process()
    appends: list[int] = []
    append = process.journal.append

    def noting(each: Append) -> asyncio.Future[None]:
        appends.append(len(each.entries))
        return append(each)

    monkeypatch.setattr(process.journal, "append", noting)
    await process.run()

    effectful = len(FORWARD) - 1
    assert len(appends) == effectful + 1
    assert sum(appends) == len(world.entries())


async def test_a_command_carries_the_request_of_the_code_its_key_and_its_saga(world: EngineWorld) -> None:
    await world.process().run()
    (call,) = world.participants.of("ReserveStock")

    assert call.request == RESERVE.SerializeToString()
    assert call.key == f"{SAGA}/InventoryService.ReserveStock#1"
    assert call.metadata["saga-id"] == SAGA
    assert call.metadata["traceparent"].startswith("00-")
    assert "compensates" not in call.metadata


async def test_every_attempt_carries_the_same_key_and_a_span_of_its_own(world: EngineWorld) -> None:
    world.participants.scripts["ReserveStock"] = [unknown(), unknown(), unknown("UNAVAILABLE")]
    state = await world.process().run()
    attempts = world.participants.of("ReserveStock")

    assert state.status is Status.COMPLETED
    assert len(attempts) == 4
    assert len({attempt.key for attempt in attempts}) == 1
    assert len({attempt.metadata["traceparent"] for attempt in attempts}) == 4
    failed = [entry for entry in world.entries() if isinstance(entry, AttemptFailed)]
    assert [(entry.attempt, entry.failure.code) for entry in failed] == [
        (1, "DEADLINE_EXCEEDED"),
        (2, "DEADLINE_EXCEEDED"),
        (3, "UNAVAILABLE"),
    ]


async def test_attempts_are_spaced_as_the_contract_says_and_never_closer_than_the_participant_asks(
    world: EngineWorld,
) -> None:
    world.participants.scripts["ReserveStock"] = [unknown(), unknown(), unknown(retry_after=3.0)]
    await world.process().run()

    assert world.clock.slept == pytest.approx([0.05, 0.1, 3.0])


async def test_a_failed_attempt_is_durable_before_the_next_one_is_made(world: EngineWorld) -> None:
    process = world.process()
    first = Answer()
    world.participants.scripts["ReserveStock"] = [first]
    run = asyncio.ensure_future(process.run())
    await until(lambda: first.asked)
    process.journal.journal_is = "held"
    first.give(unknown())
    await turns()
    assert len(world.participants.of("ReserveStock")) == 1

    process.journal.switch("up")
    await run
    assert len(world.participants.of("ReserveStock")) == 2


async def test_a_query_is_asked_until_it_is_answered(world: EngineWorld) -> None:
    world.participants.scripts["PriceOrder"] = [unknown()] * 20

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("PriceOrder")) == 21


@saga("crowd", version=1)
async def crowd(_order: StartOrderRequest, shop: Shop) -> Receipt:
    def arrange(number: int) -> ArrangeShipmentRequest:
        return ArrangeShipmentRequest(order_id=str(number))

    async def scoped(name: str) -> None:
        with scope(name), scope("inner"):
            await shop.shipping.ArrangeShipment(arrange(9))

    calls = [shop.shipping.ArrangeShipment(arrange(number)) for number in range(3)]
    await asyncio.gather(*reversed(calls))
    await asyncio.gather(scoped("b"), scoped("a"))
    return Receipt(order_id=saga_id())


async def test_keys_are_fixed_when_the_calls_are_made_not_when_they_get_their_turn(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(crowd)
    await world.process().run()
    sent = {call.key: ArrangeShipmentRequest.FromString(call.request).order_id for call in world.participants.calls}

    assert list(sent.items()) == [
        (f"{SAGA}/ShippingService.ArrangeShipment#3", "2"),
        (f"{SAGA}/ShippingService.ArrangeShipment#2", "1"),
        (f"{SAGA}/ShippingService.ArrangeShipment#1", "0"),
        (f"{SAGA}/b/inner/ShippingService.ArrangeShipment#1", "9"),
        (f"{SAGA}/a/inner/ShippingService.ArrangeShipment#1", "9"),
    ]


async def test_the_code_knows_its_saga(world_of: Callable[..., EngineWorld]) -> None:
    state = await world_of(crowd).process().run(saga_id="saga-77")

    assert state.result is not None
    assert Receipt.FromString(state.result).order_id == "saga-77"


@saga("tolerant", version=1)
async def tolerant(_order: StartOrderRequest, shop: Shop) -> Receipt:
    try:
        await shop.inventory.ReserveStock(RESERVE)
    except CommandRejected as rejection:
        await shop.shipping.ArrangeShipment(ARRANGE)
        return Receipt(order_id=f"{rejection.key} {rejection.code} {rejection.reason} {rejection.message}")
    return Receipt()


async def test_code_may_catch_a_rejection_and_go_on(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(tolerant)
    world.participants.scripts["ReserveStock"] = [rejected(reason="SOLD_OUT")]

    state = await world.process().run()
    assert state.status is Status.COMPLETED
    assert world.participants.methods() == ["ReserveStock", "ArrangeShipment"]
    seen = Receipt.FromString(state.result or b"").order_id
    assert seen == "InventoryService.ReserveStock#1 FAILED_PRECONDITION SOLD_OUT no"


@saga("modest", version=1)
async def modest(_order: StartOrderRequest, shop: Shop) -> Receipt:
    answer = await best_effort(shop.analytics.RecordOrder(RecordOrderRequest()))
    return Receipt(order_id="recorded" if answer is not None else "not recorded")


@pytest.mark.parametrize(
    ("script", "order_id", "attempts"),
    [
        ([], "recorded", 1),
        ([unknown()], "recorded", 2),
        ([unknown()] * 2, "not recorded", 2),
        ([rejected()], "not recorded", 1),
    ],
)
async def test_a_saga_goes_on_without_what_it_can_do_without(
    world_of: Callable[..., EngineWorld], script: list[object], order_id: str, attempts: int
) -> None:
    world = world_of(modest)
    world.participants.scripts["RecordOrder"] = script
    state = await world.process().run()

    assert (state.status, state.reason) == (Status.COMPLETED, None)
    assert Receipt.FromString(state.result or b"").order_id == order_id
    assert len(world.participants.calls) == attempts
    assert world.state().commands["AnalyticsService.RecordOrder#1"].best_effort


@saga("hasty", version=1)
async def hasty(_order: StartOrderRequest, shop: Shop) -> Receipt:
    FORGOTTEN.append(shop.inventory.ReserveStock(RESERVE))
    return Receipt()


FORGOTTEN: list[object] = []


async def test_a_call_that_is_never_awaited_suspends_the_saga(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(hasty)
    state = await world.process().run()
    FORGOTTEN.pop().close()  # type: ignore[attr-defined]  # it is a coroutine

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.message) == (
        "CODE_FAILED",
        "called but never awaited: InventoryService.ReserveStock#1",
    )


@saga("impatient", version=1)
async def impatient(_order: StartOrderRequest, shop: Shop) -> Receipt:
    with_contact = shop.inventory.ReserveStock(RESERVE), shop.shipping.ArrangeShipment(ARRANGE)
    try:
        await asyncio.gather(*with_contact)
    except CommandRejected:
        return Receipt(order_id="without")
    return Receipt()


async def test_a_saga_does_not_end_before_its_branches_have(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(impatient)
    slow = Answer()
    world.participants.scripts |= {"ReserveStock": [rejected()], "ArrangeShipment": [slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    await turns()
    assert not run.done()

    slow.give()
    state = await run
    assert state.status is Status.COMPLETED
    assert state.commands["ShippingService.ArrangeShipment#1"].reply is not None


@saga("cold_feet", version=1)
async def cold_feet(_order: StartOrderRequest, shop: Shop) -> Receipt:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.inventory.ReserveStock(RESERVE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
            group.create_task(shop.shipping.ArrangeShipment(ARRANGE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
    except* CommandRejected:
        pass
    return Receipt()


@pytest.mark.parametrize(
    ("late", "status", "reason"),
    [(None, Status.COMPLETED, None), (rejected(), Status.COMPLETED, None), (unknown(), Status.SUSPENDED, "UNKNOWN")],
)
async def test_an_answer_to_a_branch_that_a_task_group_gave_up_counts(
    world_of: Callable[..., EngineWorld], late: object, status: Status, reason: str | None
) -> None:
    world = world_of(cold_feet)
    slow = Answer()
    world.participants.scripts |= {"ReserveStock": [rejected()], "ArrangeShipment": [slow]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    await turns()
    assert not run.done()

    slow.give(late)  # type: ignore[arg-type]  # an outcome
    state = await run
    assert state.status is status
    assert (state.reason.code if state.reason else None) == reason


NamePart = UninterpretedOption.NamePart  # its fields are required


async def raises_half_an_emoji(_order: StartOrderRequest, _shop: Shop) -> Receipt:
    raise ValueError("no \ud83d")


async def raises(_order: StartOrderRequest, _shop: Shop) -> Receipt:
    raise KeyError("sku")


async def answers_nothing(_order: StartOrderRequest, _shop: Shop) -> Receipt:
    return None  # type: ignore[return-value]  # that is the point


async def answers_in_part(_order: StartOrderRequest, _shop: Shop) -> NamePart:
    return NamePart(name_part="deadline")


async def awaits_what_was_cancelled(_order: StartOrderRequest, _shop: Shop) -> Receipt:
    future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    future.cancel()
    return await future


async def calls_after_the_pivot(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.payment.CapturePayment(CAPTURE)
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def sets_metadata(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, metadata=(("a", "b"),))
    return Receipt()


async def waits_for_ever(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE, timeout=float("nan"))
    return Receipt()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            waits_for_ever,
            "DefinitionError: InventoryService.ReserveStock: timeout=nan leaves no time or no end; state up to 86400 s",
        ),
        (raises, "KeyError: 'sku'"),
        (raises_half_an_emoji, "ValueError: no \N{REPLACEMENT CHARACTER}"),
        (answers_nothing, "the code returned NoneType, not Receipt"),
        (answers_in_part, "the code returned NamePart without what it requires: is_extension"),
        (awaits_what_was_cancelled, "CancelledError: "),
        (
            calls_after_the_pivot,
            "DefinitionError: InventoryService.ReserveStock#1: a compensable command cannot follow the pivot",
        ),
        (sets_metadata, "DefinitionError: InventoryService.ReserveStock: metadata cannot be set on a call in a saga"),
    ],
)
async def test_broken_code_suspends_the_saga_and_says_why(
    world_of: Callable[..., EngineWorld], code: Callable[..., object], message: str
) -> None:
    world = world_of(saga("broken", version=1)(code))  # type: ignore[arg-type]  # as a decorator would
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.message) == ("CODE_FAILED", message)
    assert "ReserveStock" not in world.participants.methods()


async def test_an_rpc_whose_contract_states_no_effect_is_not_sent(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(altered(trip, "ReserveStock", effect=Effect.UNSPECIFIED))
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert "its contract does not state its effect" in str(state.reason)
    assert world.participants.methods() == ["PriceOrder"]


async def test_a_stub_called_outside_a_saga_says_so(world: EngineWorld) -> None:
    (served,) = world.process().worker.served
    with pytest.raises(DefinitionError, match=r"InventoryService\.ReserveStock was called outside a saga; use a stub"):
        served.stubs.inventory.ReserveStock(RESERVE)
    with pytest.raises(DefinitionError, match="outside a saga"):
        saga_id()


def test_a_saga_cannot_stream() -> None:
    channel = DurableChannel(Bindings([], ScriptedParticipants(), JumpingClock()))  # type: ignore[arg-type]  # nobody is called
    for kind in (channel.unary_stream, channel.stream_unary, channel.stream_stream):
        with pytest.raises(DefinitionError, match="/shop/Watch streams; a saga can only use rpcs with one request"):
            kind("/shop/Watch", request_serializer=None, response_deserializer=None)(RESERVE)


async def test_a_call_may_have_a_timeout_of_its_own(world_of: Callable[..., EngineWorld]) -> None:
    async def hurried(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.email.SendConfirmation(CONFIRM, timeout=0.25)
        await shop.pricing.PriceOrder(PRICE)
        return Receipt()

    world = world_of(saga("hurried", version=1)(hurried))
    await world.process().run()

    assert world.participants.timeouts == {"SendConfirmation": 0.25, "PriceOrder": 2.0}


async def test_an_adapter_that_raises_suspends_the_saga_and_does_not_hang_it(world: EngineWorld) -> None:
    async def explode() -> Completed:
        raise ValueError("boom")

    world.participants.scripts["AuthorizePayment"] = [explode]
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert "ValueError: boom" in str(state.reason)
