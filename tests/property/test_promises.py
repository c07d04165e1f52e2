"""The promises of the design, one test each, named after it: the shortest story that would break it.

The long stories are elsewhere: every cut of every journal in ``tests/unit/engine/test_crashes.py``, every fault of
every command in the fault matrix, seeds without end in the simulation, real processes in ``tests/crash``.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.errors import CancelRefused, InvalidInput
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import CommandCompleted, CompensationCompleted, SagaResumed
from orchestrator.journal.state import Status
from orchestrator.observability.traces.projection import SagaTrace
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import BACKWARD, FORWARD, SAGA, Answer, EngineWorld, rejected, turns, unknown, until
from tests.unit.engine.guarded_participants import GuardedParticipants

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.testing.world.participants import ReceivedCall
    from tests.support.engine_world import EngineProcess


class Unforgiving(GuardedParticipants):
    """Never releases what it has reserved."""

    async def answer(self, command: Command, call: ReceivedCall) -> Outcome:
        return rejected() if command.method == "ReleaseStock" else await super().answer(command, call)


@pytest.fixture
def ledger(world: EngineWorld) -> GuardedParticipants:
    """Participants that remember what they did, on the world."""
    ledger = GuardedParticipants()
    ledger.on_call = world.participants.on_call
    world.participants = ledger
    return ledger


def is_dead_or_done(process: EngineProcess, world: EngineWorld) -> bool:
    return process.is_dead or world.state().status is Status.COMPLETED


async def test_1_nothing_is_lost(world: EngineWorld, ledger: GuardedParticipants) -> None:
    """Although every process dies as soon as it has come a step further, the saga ends, each effect done once."""
    for _ in range(3 * len(FORWARD)):
        process = world.process()
        process.journal.cut_after = len(world.entries()) + 3
        if world.entries():
            opened = asyncio.ensure_future(process.worker.open())
        else:
            opened = asyncio.ensure_future(process.worker.start(world.order()))  # type: ignore[arg-type]
        await until(partial(is_dead_or_done, process, world))
        await turns()
        opened.cancel()
        if world.state().status is Status.COMPLETED:
            break
        world.crash()

    assert world.state().status is Status.COMPLETED
    assert set(ledger.applied.values()) == {1}


@pytest.mark.parametrize("refused", ["AuthorizePayment", "ArrangeShipment", "CapturePayment"])
async def test_2_every_effect_is_accounted_for(world: EngineWorld, ledger: GuardedParticipants, refused: str) -> None:
    """A saga that ends compensated leaves nothing standing; one that completes leaves everything."""
    ledger.refuses.add(refused)

    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert ledger.standing == []
    assert not any(command.may_stand for command in state.commands.values())


async def test_2_an_effect_that_cannot_be_taken_back_is_listed_in_front_of_an_operator(
    world: EngineWorld,
) -> None:
    world.participants = ledger = Unforgiving()
    ledger.refuses.add("CapturePayment")

    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.step_key == "InventoryService.ReserveStock#1"
    assert [key.partition("/")[2] for key in ledger.standing] == ["InventoryService.ReserveStock#1"]


async def test_3_unknown_is_not_failed(world: EngineWorld, ledger: GuardedParticipants) -> None:
    """An answer that is lost may hide an effect: going on it is asked for again, going back it is undone."""
    ledger.loses.update({"AuthorizePayment": 1, "ArrangeShipment": 1})
    ledger.refuses.add("CapturePayment")

    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert ledger.standing == []
    assert set(ledger.applied.values()) == {1}


async def test_3_a_command_in_doubt_is_compensated_when_the_saga_is_cancelled(
    world: EngineWorld, ledger: GuardedParticipants
) -> None:
    ledger.loses["ArrangeShipment"] = 1_000_000
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: ledger.methods().count("ArrangeShipment") > 2)

    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    await world.stopped()

    assert "CancelShipment" in ledger.methods()
    assert ledger.standing == []


async def test_4_same_intent_same_key(world: EngineWorld) -> None:
    """On every attempt, after a restart, and from another replica; so does its compensation."""
    world.participants.scripts["AuthorizePayment"] = [unknown(), unknown(), held := Answer()]
    world.participants.scripts["CapturePayment"] = [rejected()]
    world.participants.scripts["VoidAuthorization"] = [unknown(), unknown()]
    await world.process().worker.start(world.order())
    await until(lambda: held.asked)
    await world.recover()
    await world.stopped()

    for method in ("AuthorizePayment", "VoidAuthorization"):
        calls = world.participants.of(method)
        assert len(calls) >= 3
        assert len({call.key for call in calls}) == 1


async def test_5_compensations_run_in_reverse_order_of_start(world: EngineWorld) -> None:
    """Each until it has succeeded; one that fails for a while keeps the others waiting, not out of turn."""
    world.participants.scripts["CapturePayment"] = [rejected()]
    world.participants.scripts[BACKWARD[0]] = [unknown()] * 7

    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    compensated = [entry.key for entry in world.entries() if isinstance(entry, CompensationCompleted)]
    started = [command.key for command in state.commands.values() if command.compensation is not None]
    assert compensated == list(reversed(started))
    assert list(dict.fromkeys(m for m in world.participants.methods() if m in BACKWARD)) == BACKWARD


async def test_6_after_the_pivot_only_forwards(world: EngineWorld) -> None:
    """What remains is retried until it succeeds; a cancel is refused; a definite rejection waits for an operator."""
    world.participants.scripts["SendConfirmation"] = [unknown()] * 9 + [held := Answer()]
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: held.asked)
    with pytest.raises(CancelRefused, match="past its point of no return"):
        await process.acts.cancel(SAGA, "too late", Actor("ada"))
    held.give(rejected(echoed=True))

    state = await world.stopped()
    assert state.status is Status.SUSPENDED
    assert not set(world.participants.methods()) & set(BACKWARD)

    await process.acts.resume(SAGA, "mended", Actor("ada"))
    await until(lambda: world.state().status is Status.COMPLETED)
    assert any(isinstance(entry, SagaResumed) for entry in world.entries())


async def test_7_one_owner(world: EngineWorld) -> None:
    """A replica that lost its claim, and does not know it, writes nothing and sends nothing more."""
    zombie = world.process()
    world.participants.scripts["ReserveStock"] = [held := Answer()]
    await zombie.worker.start(world.order())
    await until(lambda: held.asked)
    world.journal._alive_until.clear()  # it fell silent for too long
    await world.open()
    await world.stopped()
    written, sent = world.entries(), len(world.participants.calls)

    held.give()
    await until(lambda: not zombie.worker.live)

    assert world.entries() == written
    assert len(world.participants.calls) == sent


async def test_7_one_owner_also_before_the_new_one_has_written_a_word(world: EngineWorld) -> None:
    zombie = world.process()
    world.participants.scripts["ReserveStock"] = [held := Answer()]
    await zombie.worker.start(world.order())
    await until(lambda: held.asked)
    world.journal._alive_until.clear()
    assert await world.journal.claim_unfinished("the new one", 10)
    written, sent = world.entries(), len(world.participants.calls)

    held.give()
    await until(lambda: not zombie.worker.live)

    assert world.entries() == written
    assert len(world.participants.calls) == sent


async def test_8_replay_is_silent(world: EngineWorld) -> None:
    """What is journalled is not asked for again; code that does not fit the journal is suspended, both sides shown."""
    world.participants.scripts["ArrangeShipment"] = [held := Answer()]
    await world.process().worker.start(world.order())
    await until(lambda: held.asked)
    known = [entry.key for entry in world.entries() if isinstance(entry, CommandCompleted)]
    before = len(world.participants.calls)

    await world.recover()
    await world.stopped()

    again = {call.key.partition("/")[2] for call in world.participants.calls[before:]}
    assert known
    assert not again & set(known)


async def test_9_one_trace(world: EngineWorld) -> None:
    """One root, through retries, a crash and the rollback; every attempt has a span; undo links to what it undoes."""
    world.participants.scripts["ReserveStock"] = [unknown(), held := Answer()]
    world.participants.scripts["CapturePayment"] = [rejected()]
    await world.process().worker.start(world.order())
    await until(lambda: held.asked)
    await world.recover()
    await world.stopped()

    entries = world.entries()
    trace = SagaTrace(SAGA, entries[0])  # type: ignore[arg-type]  # the first entry is the start
    spans = [Span.FromString(span) for entry in entries for span in trace.project(entry)]
    known = {span.span_id for span in spans}
    roots = [span for span in spans if not span.parent_span_id]
    assert len({span.trace_id for span in spans}) == len(roots) == 1
    assert all(span.parent_span_id in known for span in spans if span.parent_span_id)
    sent = {call.metadata["traceparent"].split("-")[2] for call in world.participants.calls}
    assert sent <= {span_id.hex() for span_id in known}
    assert sum(len(span.links) for span in spans) == len(BACKWARD)
    assert {link.span_id for span in spans for link in span.links} <= known


def test_10_bad_input_is_an_answer_not_an_accident() -> None:
    """Every field at fault is named; that nothing is journalled then is in ``tests/integration/api``."""
    with pytest.raises(InvalidInput) as refused:
        refuse_invalid(StartOrderRequest(customer_id="a b", email="nowhere"))

    assert {"customer_id", "email", "lines", "ship_to", "card_token"} <= {
        field for field, _ in refused.value.violations
    }
