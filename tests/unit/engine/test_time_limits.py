"""A block with a time limit is left in time or cut off, and the journal holds which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.run.commands.command_execution import CUT_OFF
from orchestrator.journal import entries as e
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status, StepOutcome
from orchestrator.journal.waits import WaitEnd
from shop.order.v1.order_pb2 import Receipt
from tests.support.engine_world import SAGA, Answer, EngineWorld, turns, until
from tests.support.waiting_sagas import DAY, limited, note, strict

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.state import SagaState

    WorldOf = Callable[..., EngineWorld]

RESERVED = "InventoryService.ReserveStock#1"


def carrier(state: SagaState) -> str:
    return Receipt.FromString(state.result or b"").carrier


def ends(world: EngineWorld) -> list[tuple[str, WaitEnd]]:
    return [(entry.key, entry.how) for entry in world.entries() if isinstance(entry, e.WaitEnded)]


async def test_a_block_that_is_left_in_time_changes_nothing(world_of: WorldOf) -> None:
    world = world_of(limited)
    process = await world.open()

    state = await process.run()

    assert carrier(state) == "reserved"
    assert ends(world) == [("timeout#1", WaitEnd.LEFT)]
    assert world.participants.methods() == ["ReserveStock", "AuthorizePayment"]


async def test_a_command_that_is_cut_off_is_in_doubt_and_compensated_before_the_saga_ends(world_of: WorldOf) -> None:
    world = world_of(limited)
    late = Answer()
    world.participants.scripts["ReserveStock"] = [late]
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: late.asked)

    world.clock.advance(61)
    await until(lambda: world.participants.of("AuthorizePayment"))
    late.give()
    state = await world.stopped()

    assert (state.status, carrier(state)) == (Status.COMPLETED, "cut off")
    command = state.commands[RESERVED]
    assert command.outcome is StepOutcome.UNKNOWN
    assert command.failure is not None
    assert (command.failure.reason, command.attempts) == (CUT_OFF, 1)
    assert world.participants.methods() == ["ReserveStock", "AuthorizePayment", "ReleaseStock"]
    assert ends(world) == [("timeout#1", WaitEnd.DUE)]


async def test_a_replay_finds_the_block_cut_off_and_sends_the_command_no_more(world_of: WorldOf) -> None:
    world = world_of(limited)
    late, held = Answer(), Answer()
    world.participants.scripts["ReserveStock"] = [late]
    world.participants.scripts["AuthorizePayment"] = [held]
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: late.asked)
    world.clock.advance(61)
    await until(lambda: held.asked)

    await world.recover()
    state = await world.stopped()

    assert (state.status, carrier(state)) == (Status.COMPLETED, "cut off")
    assert world.participants.methods() == ["ReserveStock", "AuthorizePayment", "AuthorizePayment", "ReleaseStock"]
    assert ends(world) == [("timeout#1", WaitEnd.DUE)]


async def test_a_limit_that_passes_while_no_replica_is_there_cuts_off_the_command_in_flight(world_of: WorldOf) -> None:
    world = world_of(limited)
    late = Answer()
    world.participants.scripts["ReserveStock"] = [late]
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: late.asked)
    world.crash()
    world.clock.advance(61)

    await world.open()
    state = await world.stopped()

    assert (state.status, carrier(state)) == (Status.COMPLETED, "cut off")
    assert world.participants.methods() == ["ReserveStock", "AuthorizePayment", "ReleaseStock"]


async def test_branches_are_cut_off_together_and_rolled_back_as_timed_out(world_of: WorldOf) -> None:
    world = world_of(strict)
    one, two = Answer(), Answer()
    world.participants.scripts["ReserveStock"] = [one]
    world.participants.scripts["ArrangeShipment"] = [two]
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: one.asked and two.asked)

    world.clock.advance(DAY + 1)
    await turns()  # a heartbeat tells the time; until then, it is taken to be a thousandth less
    world.clock.advance(DAY // 1000 + 1)
    await until(lambda: process.worker.live[SAGA].state.waits["timeout#1"].how is WaitEnd.DUE)
    one.give()
    two.give()
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert state.rollback is not None
    assert state.rollback.code == ReasonCode.TIMED_OUT
    assert world.participants.methods()[3:] == ["CancelShipment", "ReleaseStock", "VoidAuthorization"]


async def test_a_parked_block_is_cut_off_when_its_time_has_come(world_of: WorldOf) -> None:
    world = world_of(strict)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: world.state().status is Status.WAITING and SAGA not in process.worker.live)
    assert world.state().wake_at == world.state().waits["timeout#1"].due_at

    world.clock.advance(DAY + 1)
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert ends(world) == [
        ("timeout#1", WaitEnd.DUE),
        ("signal:note#1", WaitEnd.LEFT),
        ("timeout#2", WaitEnd.LEFT),
    ]


async def test_a_signal_in_a_parked_block_lets_it_be_left_in_time(world_of: WorldOf) -> None:
    world = world_of(strict)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: world.state().status is Status.WAITING and SAGA not in process.worker.live)

    await process.sagas.signal(SAGA, note("now"))
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert [how for _, how in ends(world)] == [WaitEnd.SIGNAL, WaitEnd.LEFT, WaitEnd.LEFT]


async def test_a_limit_that_is_longer_than_its_saga_takes_never_fires(world_of: WorldOf) -> None:
    world = world_of(limited)
    process = await world.open()
    await process.run()
    before = world.entries()

    world.clock.advance(10 * DAY)
    await turns()

    assert world.entries() == before
