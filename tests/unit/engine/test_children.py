"""Child sagas: a part of their parent, forward, backward and through crashes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator import CommandRejected, best_effort, child, publish, saga, scope
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.run.sending.reached import nobody_there
from orchestrator.errors import CancelRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import CommandIntended
from orchestrator.journal.outcome import Unknown
from orchestrator.journal.progress import StepState, steps
from orchestrator.journal.state import Status
from orchestrator.journal.trace_ids import trace_id
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import (
    ARRANGE,
    AUTHORIZE,
    CAPTURE,
    CONFIRM,
    ORDER,
    RESERVE,
    SAGA,
    Answer,
    EngineWorld,
    Shop,
    altered,
    order_of,
    rejected,
    turns,
    unknown,
    until,
)
from tests.unit.engine.guarded_participants import GuardedParticipants

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.engine_world import Definition, EngineProcess

CHILD = f"{SAGA}/saga.fulfil#1"
PREPARED = f"{SAGA}/saga.prepare#1"


@saga("fulfil", version=1)
async def fulfil(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE)
    parcel = await shop.shipping.ArrangeShipment(ARRANGE)
    return Receipt(order_id=order.customer_id, carrier=parcel.shipment.carrier)


@saga("sell", version=1)
async def sell(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.payment.AuthorizePayment(AUTHORIZE)
    receipt = await child(fulfil, order)
    await shop.payment.CapturePayment(CAPTURE)
    await shop.email.SendConfirmation(CONFIRM)
    return receipt


@saga("charge", version=1)
async def charge(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt(order_id=order.customer_id)


@saga("sell_charged", version=1)
async def sell_charged(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE)
    receipt = await child(charge, order)
    await shop.email.SendConfirmation(CONFIRM)
    return receipt


@saga("sell_as_a_gift", version=1)
async def sell_as_a_gift(order: StartOrderRequest, shop: Shop) -> Receipt:
    with scope("gift"):
        receipt = await best_effort(child(fulfil, order))
    await shop.payment.AuthorizePayment(AUTHORIZE)
    return receipt or Receipt()


@saga("sell_bravely", version=1)
async def sell_bravely(order: StartOrderRequest, shop: Shop) -> Receipt:
    await best_effort(child(fulfil, order))
    await shop.payment.AuthorizePayment(AUTHORIZE)
    return Receipt()


@saga("prepare", version=1)
async def prepare(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.inventory.ReserveStock(RESERVE)
    await publish(OrderPlaced(order_id="o-1", customer_id=order.customer_id))
    return Receipt(order_id=order.customer_id)


@saga("sell_prepared", version=1)
async def sell_prepared(order: StartOrderRequest, shop: Shop) -> Receipt:
    receipt = await child(prepare, order)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.payment.CapturePayment(CAPTURE)
    return receipt


@pytest.fixture
async def family() -> AsyncIterator[Callable[..., EngineWorld]]:
    """Builds a world for a saga and its children."""
    worlds: list[EngineWorld] = []

    def build(*definitions: Definition) -> EngineWorld:
        worlds.append(EngineWorld(*definitions))
        return worlds[-1]

    yield build
    for world in worlds:
        world.check_promises()
        await world.end()


async def started(world: EngineWorld) -> Status:
    """The status of the parent, once it has come to rest."""
    process = world.process()
    state = await process.worker.start(order_of(world.definitions[0]), wait=1e6)
    assert state.status is not None
    return state.status


async def test_a_child_completes_and_its_result_is_the_parents(family: Callable[..., EngineWorld]) -> None:
    world = family(sell, fulfil)
    assert await started(world) is Status.COMPLETED

    parent, offspring = world.state(), world.state(CHILD)
    assert offspring.status is Status.COMPLETED
    assert (offspring.definition, offspring.parent_id) == ("fulfil", SAGA)
    assert trace_id(CHILD, offspring.traceparent) == trace_id(SAGA, parent.traceparent), "one trace for both"
    assert parent.commands["saga.fulfil#1"].reply == offspring.result == parent.result
    assert world.participants.methods() == [
        "AuthorizePayment",
        "ReserveStock",
        "ArrangeShipment",
        "CapturePayment",
        "SendConfirmation",
    ]


async def test_the_keys_of_a_childs_commands_are_its_own(family: Callable[..., EngineWorld]) -> None:
    world = family(sell, fulfil)
    await started(world)

    (call,) = world.participants.of("ReserveStock")
    assert call.metadata["saga-id"] == CHILD
    assert call.key == f"{CHILD}/InventoryService.ReserveStock#1"


async def test_a_child_knows_nothing_of_where_in_its_parents_code_it_was_started(
    family: Callable[..., EngineWorld],
) -> None:
    """A replica that recovers the parent starts the child from elsewhere, and must find the same keys."""
    world = family(sell_as_a_gift, fulfil)
    await started(world)

    offspring = world.state(f"{SAGA}/gift/saga.fulfil#1")
    assert list(offspring.commands) == ["InventoryService.ReserveStock#1", "ShippingService.ArrangeShipment#1"]
    assert not any(command.best_effort for command in offspring.commands.values())


async def test_a_journal_that_fails_leaves_a_child_in_doubt_and_is_no_error_of_the_parents_code(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(sell, fulfil)
    process = world.process()
    command = process.worker.bindings.child(fulfil)
    assert command is not None
    assert command.compensation is not None
    process.journal.journal_is = "down"
    data = ORDER.SerializeToString()

    run = await command.caller(data, (("saga-id", SAGA), ("idempotency-key", CHILD)), 1.0)
    undo = await command.compensation[0].caller(data, (("saga-id", SAGA), ("compensates", CHILD)), 1.0)
    assert isinstance(run, Unknown)
    assert isinstance(undo, Unknown)
    assert not nobody_there(run.failure), "its circuit stays closed: the process itself is there"


async def test_a_child_that_takes_longer_than_an_attempt_waits_is_unknown(family: Callable[..., EngineWorld]) -> None:
    world = family(sell, fulfil)
    world.participants.scripts["ArrangeShipment"] = [Answer()]
    process = world.process()
    command = process.worker.bindings.child(fulfil)
    assert command is not None
    data = ORDER.SerializeToString()

    run = await command.caller(data, (("saga-id", SAGA), ("idempotency-key", CHILD)), 1.0)

    assert isinstance(run, Unknown)
    assert run.failure.code is StatusCode.DEADLINE_EXCEEDED
    assert CHILD in run.failure.message


async def test_a_rejected_child_is_compensated_and_so_is_its_parent(family: Callable[..., EngineWorld]) -> None:
    world = family(sell, fulfil)
    world.participants.scripts["ArrangeShipment"] = [rejected(reason="NO_CARRIER")]
    assert await started(world) is Status.COMPENSATED

    parent, offspring = world.state(), world.state(CHILD)
    assert offspring.status is Status.COMPENSATED
    assert parent.rollback is not None
    assert parent.rollback.step_key == "saga.fulfil#1"
    assert CHILD in parent.rollback.message
    assert world.participants.methods()[3:] == ["ReleaseStock", "VoidAuthorization"]


async def test_a_child_that_has_completed_is_rolled_back_with_its_parent_in_order(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(sell, fulfil)
    world.participants.scripts["CapturePayment"] = [rejected()]
    assert await started(world) is Status.COMPENSATED

    offspring = world.state(CHILD)
    assert offspring.status is Status.COMPENSATED
    assert world.participants.methods()[-3:] == ["CancelShipment", "ReleaseStock", "VoidAuthorization"]
    compensation = world.state().commands["saga.fulfil#1"].compensation
    assert compensation is not None
    assert (compensation.method, compensation.position) == ("saga.fulfil.Rollback", 1)


async def test_a_best_effort_child_that_is_rejected_does_not_stop_its_parent(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(sell_bravely, fulfil)
    world.participants.scripts["ReserveStock"] = [rejected()]

    assert await started(world) is Status.COMPLETED
    assert world.state(f"{SAGA}/saga.fulfil#1").status is Status.COMPENSATED


async def test_both_are_recovered_after_a_crash_while_the_child_runs(family: Callable[..., EngineWorld]) -> None:
    world = family(sell, fulfil)
    never = Answer()
    world.participants.scripts["ArrangeShipment"].append(never)
    run = asyncio.ensure_future(started(world))
    await until(lambda: never.asked)
    run.cancel()

    await world.recover()
    assert (await world.stopped()).status is Status.COMPLETED
    assert world.state(CHILD).status is Status.COMPLETED
    assert world.participants.methods().count("ReserveStock") == 1
    assert len({call.key for call in world.participants.of("ArrangeShipment")}) == 1


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_wherever_parent_or_child_is_cut_off_all_effects_are_done_once_or_taken_back(
    family: Callable[..., EngineWorld], acknowledged: bool
) -> None:
    for cut_after in range(1, 12):
        world = family(sell, fulfil)
        world.participants = ledger = GuardedParticipants()
        ledger.on_call = world._note_call
        ledger.refuses = {"CapturePayment"}
        process = world.process()
        process.journal.cut_after, process.journal.loses_acknowledgement = cut_after, acknowledged
        run = asyncio.ensure_future(process.worker.start(order_of(sell), wait=1e6))
        await until(lambda process=process, run=run: process.is_dead or run.done())  # type: ignore[misc]
        run.cancel()
        await world.recover()

        if world.entries():
            assert (await world.stopped()).status is Status.COMPENSATED, cut_after
            assert not ledger.standing, cut_after
            assert set(ledger.applied.values()) <= {1}, cut_after


async def test_a_child_that_starts_late_after_its_rollback_finds_itself_buried(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(sell, fulfil)
    process = world.process()
    data = ORDER.SerializeToString()
    command = process.worker.bindings.child(fulfil)
    assert command is not None
    assert command.compensation is not None
    undo, _ = command.compensation
    metadata = (("saga-id", SAGA), ("idempotency-key", f"{SAGA}/compensation:saga.fulfil#1"), ("compensates", CHILD))
    await undo.caller(data, metadata, 1.0)

    state = world.state(CHILD)
    assert state.status is Status.COMPENSATED
    assert not state.commands

    late = await command.caller(data, (("saga-id", SAGA), ("idempotency-key", CHILD)), 1.0)
    assert late.failure.code == "ABORTED"  # type: ignore[union-attr]
    assert world.participants.calls == []


async def test_a_parent_that_is_cancelled_while_its_child_runs_rolls_both_back(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(sell, fulfil)
    answer = Answer()
    world.participants.scripts["ArrangeShipment"].append(answer)
    process = world.process()
    run = asyncio.ensure_future(process.worker.start(order_of(sell), wait=1e6))
    await until(lambda: answer.asked)
    cancel = asyncio.ensure_future(process.acts.cancel(SAGA, "changed my mind", Actor("ada")))
    await asyncio.sleep(0)
    answer.give()
    await cancel
    await run

    assert world.state().status is Status.COMPENSATED
    assert world.state(CHILD).status is Status.COMPENSATED
    assert world.participants.methods()[-3:] == ["CancelShipment", "ReleaseStock", "VoidAuthorization"]


async def test_a_child_with_a_pivot_is_the_point_of_no_return_of_its_parent(family: Callable[..., EngineWorld]) -> None:
    world = family(sell_charged, charge)
    never = Answer()
    world.participants.scripts["SendConfirmation"].append(never)
    process = world.process()
    run = asyncio.ensure_future(process.worker.start(order_of(sell_charged), wait=1e6))
    await until(lambda: never.asked)

    with pytest.raises(CancelRefused, match=r"past its point of no return, saga\.charge#1"):
        await process.acts.cancel(SAGA, "changed my mind", Actor("ada"))

    never.give()
    await run
    assert world.state().status is Status.COMPLETED


async def test_a_child_whose_pivot_is_refused_rolls_its_parent_back(family: Callable[..., EngineWorld]) -> None:
    world = family(sell_charged, charge)
    world.participants.scripts["CapturePayment"] = [rejected()]

    assert await started(world) is Status.COMPENSATED
    assert world.participants.methods()[-2:] == ["VoidAuthorization", "ReleaseStock"]


async def test_a_child_is_a_step_of_its_parent_before_it_has_begun(family: Callable[..., EngineWorld]) -> None:
    world = family(sell, fulfil)
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    await started(world)

    planned = {step.method: step for step in steps(world.state(), read_plan(sell))}
    assert planned["saga.fulfil"].state is StepState.SKIPPED
    assert planned["saga.fulfil"].effect is Effect.COMPENSABLE


async def test_what_the_plan_says_of_a_child_is_what_the_engine_journals(family: Callable[..., EngineWorld]) -> None:
    for parent, offspring in ((sell, fulfil), (sell_charged, charge)):
        world = family(parent, offspring)
        await started(world)
        planned = {step.command.name: step.command.effect for step in read_plan(parent).steps()}
        journalled = {entry.method: entry.effect for entry in world.entries() if isinstance(entry, CommandIntended)}
        assert journalled == planned


async def test_a_child_that_is_not_served_suspends_its_parent(family: Callable[..., EngineWorld]) -> None:
    world = family(sell)

    assert await started(world) is Status.SUSPENDED
    suspension = world.state().suspension
    assert suspension is not None
    assert "the child saga fulfil v1 is not served here" in suspension.message


async def test_a_parent_may_go_on_without_a_child_that_was_rejected(family: Callable[..., EngineWorld]) -> None:
    @saga("sell_otherwise", version=1)
    async def sell_otherwise(order: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            return await child(fulfil, order)
        except CommandRejected:
            await shop.inventory.ReserveStock(RESERVE)
            return Receipt(order_id="without")

    world = family(sell_otherwise, fulfil)
    world.participants.scripts["ReserveStock"] = [rejected()]

    assert await started(world) is Status.COMPLETED
    assert world.state().result == Receipt(order_id="without").SerializeToString()


async def test_a_child_whose_command_is_refused_after_doubt_compensates_it_and_so_does_its_parent(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(sell, fulfil)
    world.participants.scripts["ArrangeShipment"] = [unknown(), rejected("UNIMPLEMENTED")]

    assert await started(world) is Status.COMPENSATED
    assert world.state(CHILD).status is Status.COMPENSATED
    assert world.participants.methods()[-3:] == ["CancelShipment", "ReleaseStock", "VoidAuthorization"]


async def test_a_child_whose_pivot_is_refused_after_doubt_holds_its_parent_in_front_of_an_operator(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(altered(sell_charged, "CapturePayment"), altered(charge, "CapturePayment", verify=None))
    world.participants.scripts["CapturePayment"] = [unknown(), rejected("NOT_FOUND")]
    process = world.process()
    run = asyncio.ensure_future(process.worker.start(order_of(world.definitions[0]), wait=1e6))
    offspring = f"{SAGA}/saga.charge#1"
    await until(lambda: world.state(offspring).status is Status.SUSPENDED)

    assert not {"VoidAuthorization", "ReleaseStock"} & set(world.participants.methods())
    with pytest.raises(CancelRefused):
        await process.acts.cancel(offspring, "please", Actor("ada"))
    await process.acts.resume(offspring, "mended", Actor("ada"))
    world.clock.advance(120)
    assert (await run).status is Status.COMPLETED


async def partly_rolled_back(world: EngineWorld) -> EngineProcess:
    """The child rolls back, and an operator lets one of its effects stand."""
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "ReleaseStock": [rejected()]}
    process = world.process()
    world.run = asyncio.ensure_future(process.worker.start(order_of(world.definitions[0]), wait=1e6))  # type: ignore[attr-defined]  # kept alive
    await until(lambda: world.state(CHILD).status is Status.SUSPENDED)
    await process.acts.skip_compensation(CHILD, "InventoryService.ReserveStock", "sold in the shop", Actor("ada"))
    await process.acts.resume(CHILD, "go on", Actor("ada"))
    await until(lambda: world.state(CHILD).status is Status.PARTIALLY_COMPENSATED)
    world.clock.advance(120)
    return process


async def test_a_parent_does_not_end_compensated_while_an_effect_of_its_child_stands(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(sell, fulfil)
    process = await partly_rolled_back(world)
    state = await world.stopped()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("COMPENSATION_REJECTED", "saga.fulfil#1")
    assert "an operator let stand: InventoryService.ReserveStock#1" in state.reason.message
    await process.acts.skip_compensation(SAGA, "saga.fulfil#1", "sold in the shop", Actor("ada"))
    await process.acts.resume(SAGA, "go on", Actor("ada"))
    assert (await world.stopped()).status is Status.PARTIALLY_COMPENSATED
    assert world.participants.methods()[-1] == "VoidAuthorization"


async def test_the_events_of_a_child_are_told_where_an_operator_resolves_its_command_by_hand(
    family: Callable[..., EngineWorld],
) -> None:
    world = family(sell_prepared, prepare)
    process = world.process()
    reserved = Answer()
    world.participants.scripts["ReserveStock"] = [reserved]
    await process.worker.start(order_of(sell_prepared))
    await until(lambda: reserved.asked)
    pausing = [asyncio.ensure_future(process.acts.pause(each, "wait", Actor("ada"))) for each in (SAGA, PREPARED)]
    await turns()
    reserved.give()
    await asyncio.gather(*pausing)
    assert {world.state(each).status for each in (SAGA, PREPARED)} == {Status.SUSPENDED}
    await process.acts.resume(PREPARED, "go on", Actor("ada"))
    assert (await world.stopped(PREPARED)).status is Status.COMPLETED

    receipt = Receipt(order_id="o-1").SerializeToString()
    await process.acts.resolve_outcome(
        SAGA,
        "saga.prepare#1",
        took_effect=True,
        reply=receipt,
        evidence="the child has completed",
        requested_by=Actor("ada"),
    )
    assert not world.told()  # the pivot is still to come
    await process.acts.resume(SAGA, "go on", Actor("ada"))
    assert (await world.stopped()).status is Status.COMPLETED
    assert [(event.saga_id, event.type, event.provisional) for event in world.told()] == [
        (PREPARED, "shop.order.v1.OrderPlaced", False)
    ]
