"""Recovery: the code runs again from the top, and what the journal holds is neither sent nor guessed."""

from __future__ import annotations

import asyncio
import gc
from contextvars import ContextVar, copy_context
from functools import partial
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import Effect
from orchestrator.engine.run.commands.command_issuer import CommandIssuer
from orchestrator.engine.run.executor import Executor
from orchestrator.engine.run.forward.code import Forward
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.replay.gate import ReplayGate
from orchestrator.engine.run.replay.loop import ReplayLoop
from orchestrator.engine.run.stop_control import StopControl
from orchestrator.journal.entries import CommandCompleted, CommandIntended, SagaRecovered, SagaStarted
from orchestrator.journal.fold import fold
from orchestrator.journal.state import SagaState, Status
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from tests.support.engine_world import (
    ARRANGE,
    AUTHORIZE,
    CAPTURE,
    FORWARD,
    RESERVE,
    SAGA,
    Answer,
    Shop,
    rejected,
    turns,
    until,
)
from tests.unit.engine.changed_code import changed
from tests.unit.engine.held_sagas import interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld


@pytest.mark.parametrize("method", FORWARD[1:])
async def test_recovery_sends_what_is_in_doubt_and_nothing_before_it(world: EngineWorld, method: str) -> None:
    before = await interrupted(world, method)
    await world.recover()
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert [call.method for call in world.participants.calls[before:]] == FORWARD[FORWARD.index(method) :]
    in_doubt, again = world.participants.of(method)
    assert in_doubt.key == again.key
    assert in_doubt.request == again.request


async def test_an_attempt_after_recovery_has_a_number_of_its_own(world: EngineWorld) -> None:
    await interrupted(world, "ReserveStock")
    await world.recover()
    await world.stopped()
    before, after = world.participants.of("ReserveStock")

    assert before.metadata["traceparent"] != after.metadata["traceparent"]
    (recovered,) = [entry for entry in world.entries() if isinstance(entry, SagaRecovered)]
    assert recovered.owner == "replica-2"


async def test_attempts_that_two_processes_left_behind_have_numbers_of_their_own(world: EngineWorld) -> None:
    await interrupted(world, "ReserveStock")
    never = Answer()
    world.participants.scripts["ReserveStock"] = [never]
    await world.recover()
    await until(lambda: never.asked)
    await world.recover()
    await world.stopped()
    spans = [call.metadata["traceparent"] for call in world.participants.of("ReserveStock")]

    assert len(spans) == len(set(spans)) == 3


async def test_a_journalled_rejection_is_not_asked_for_again(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    before = await interrupted(world, "ReleaseStock")
    await world.recover()
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert [call.method for call in world.participants.calls[before:]] == ["ReleaseStock"]


async def test_a_compensation_in_doubt_is_sent_again_with_its_key_and_a_span_of_its_own(world: EngineWorld) -> None:
    world.participants.scripts["CapturePayment"] = [rejected()]
    await interrupted(world, "ReleaseStock")
    await world.recover()
    await world.stopped()
    before, after = world.participants.of("ReleaseStock")

    assert before.key == after.key
    assert before.metadata["compensates"] == after.metadata["compensates"]
    assert before.metadata["traceparent"] != after.metadata["traceparent"]
    assert len(world.participants.of("CancelShipment")) == 2, "its result would have ridden with the end"
    assert len({call.metadata["traceparent"] for call in world.participants.calls}) == len(world.participants.calls)


async def test_a_saga_that_was_recovered_is_recovered_again(world_of: Callable[..., EngineWorld]) -> None:
    async def branches(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await asyncio.gather(shop.inventory.ReserveStock(RESERVE), shop.payment.AuthorizePayment(AUTHORIZE))
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.shipping.ArrangeShipment(ARRANGE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    world = world_of(changed(branches))
    for method in ("ReserveStock", "ArrangeShipment", "CapturePayment"):
        world.participants.scripts[method].append(Answer())
    run = asyncio.ensure_future(world.process().run())
    for method in ("ReserveStock", "ArrangeShipment", "CapturePayment"):
        await until(partial(world.participants.of, method))
        await world.recover()
    run.cancel()

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_recovered_saga_that_has_ended_leaves_nothing_to_the_garbage_collector(world: EngineWorld) -> None:
    await interrupted(world, "AuthorizePayment")
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await world.recover()
        await world.stopped()
        await turns()
        gc.collect()
        left = {type(each) for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()

    ours = {Executor, CommandIssuer, Forward, StopControl, SagaWriter, SagaState, ReplayGate, ReplayLoop}
    assert not left & ours, "the rest is the world's"


async def test_code_that_asks_the_loop_for_a_later_call_is_recovered(world_of: Callable[..., EngineWorld]) -> None:
    async def limited(order: StartOrderRequest, shop: Shop) -> Receipt:
        async with asyncio.timeout(60):
            await shop.inventory.ReserveStock(RESERVE)
            await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt(order_id=order.customer_id)

    world = world_of(changed(limited))
    await interrupted(world, "AuthorizePayment")
    await world.recover()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == ["ReserveStock", "AuthorizePayment", "AuthorizePayment"]


async def test_a_later_call_in_a_recovered_sagas_loop_runs_in_its_context() -> None:
    named: ContextVar[str] = ContextVar("named")
    context = copy_context()
    context.run(named.set, "the saga's")
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    loop = ReplayLoop(asyncio.get_running_loop(), lambda: None)

    loop.call_later(0.0, lambda: seen.set_result(named.get("nobody's")), context=context)

    assert await seen == "the saga's"


@pytest.mark.parametrize("pivoted", [True, False])
async def test_what_is_in_doubt_goes_before_what_is_journalled_after_it_only_past_the_pivot(*, pivoted: bool) -> None:
    """Past it, an operator may have reopened a command without which the code has gone on."""
    state = fold(
        SAGA,
        [
            SagaStarted(1, "trip", 1, b""),
            CommandIntended(2, "Ship#1", "shop.Ship", Effect.RETRYABLE, b""),
            CommandIntended(3, "Tell#1", "shop.Tell", Effect.RETRYABLE, b""),
            CommandCompleted(4, "Tell#1", 1, 3, b""),
        ],
    )
    state.pivoted = pivoted
    gate = ReplayGate(state)
    ends, divergences = list[list[str]](), list[str]()
    gate.at_end, gate.diverge = ends.append, divergences.append
    code = gate.loop.create_task(gate.turn("Ship#1"))
    await turns()
    gate.go_live()
    await turns()

    assert ends == [["Ship#1"]] * pivoted
    assert divergences == ["the code waits for Ship#1; the journal goes on with Tell#1"] * (not pivoted)
    assert code.done()
