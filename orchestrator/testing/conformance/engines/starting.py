"""A saga is started once, however many callers ask for it and how often, and runs to its end."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from orchestrator.errors import SagaExists, SagaNotFound
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import CommandCompleted, CommandIntended, SagaCompleted, SagaStarted
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.raising import raises
from orchestrator.testing.conformance.engines.sagas import FORWARD, MANY, ORDER, drawn, long, trip, trip_at_once
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest

if TYPE_CHECKING:
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


@scenario()
async def a_saga_runs_to_its_end(stage: Stage) -> None:
    """Each command is sent once, in order, and the result is that of the code."""
    state = await stage.sagas.start(stage.request(trip, "trip-1"), wait=30.0)

    assert state.status is Status.COMPLETED
    assert Receipt.FromString(state.result or b"") == Receipt(order_id="ada")
    assert tuple(stage.participants.methods()) == FORWARD
    assert state.ended_at is not None
    assert state.started_at <= state.ended_at


@scenario()
async def a_start_is_answered_before_the_end(stage: Stage) -> None:
    """Who does not wait for the end gets the saga as it stands."""
    answer = stage.hold("ReserveStock")

    state = await stage.start(trip, "trip-1")
    await answer.asked.wait()

    assert state.status is Status.RUNNING
    answer.give()
    assert (await stage.rests("trip-1")).status is Status.COMPLETED


@scenario()
async def the_wait_for_an_end_has_its_own(stage: Stage) -> None:
    """A start that waits for longer than its patience gets the saga as it stands."""
    stage.hold("ReserveStock")

    state = await stage.sagas.start(stage.request(trip, "trip-1"), wait=0.3)

    assert state.status is Status.RUNNING


@scenario()
async def a_repeated_request_starts_one_saga(stage: Stage) -> None:
    """The same request finds the same saga, while it runs and after its end."""
    answer = stage.hold("ReserveStock")
    request = stage.request(trip, "trip-1")
    await stage.sagas.start(request)
    assert (await stage.sagas.start(request)).status is Status.RUNNING
    answer.give()
    await stage.rests("trip-1")

    after = await stage.sagas.start(request, wait=5.0)

    assert after.status is Status.COMPLETED
    effects = [each for each in stage.participants.methods() if each != "PriceOrder"]  # a query may be asked again
    assert tuple(effects) == FORWARD[1:]


@scenario()
async def a_request_with_another_content_is_refused(stage: Stage) -> None:
    """An id stands for one content, while the saga runs and after its end."""
    answer = stage.hold("ReserveStock")
    request = stage.request(trip, "trip-1")
    await stage.sagas.start(request)
    other = request._replace(digest=b"another")
    async with raises(SagaExists):
        await stage.sagas.start(other)
    answer.give()
    await stage.rests("trip-1")

    async with raises(SagaExists):
        await stage.sagas.start(other)


@scenario()
async def a_saga_that_was_never_started_is_not_found(stage: Stage) -> None:
    """Whatever asks for it."""
    async with raises(SagaNotFound):
        await stage.sagas.get("nobody")
    async with raises(SagaNotFound):
        await stage.sagas.act(Act.CANCEL, "nobody", "why not", ADA)
    async with raises(SagaNotFound):
        await stage.sagas.refuse_act(Act.CANCEL, "nobody")
    assert await stage.sagas.entries("nobody") == []


@scenario()
async def the_journal_tells_what_happened_in_order(stage: Stage) -> None:
    """The start first, each intent before its outcome, the end last."""
    await stage.run(trip, "trip-1")

    entries = await stage.sagas.entries("trip-1")

    assert isinstance(entries[0], SagaStarted)
    assert isinstance(entries[-1], SagaCompleted)
    intended = [
        entry.method.rpartition("/")[2].rpartition(".")[2] for entry in entries if isinstance(entry, CommandIntended)
    ]
    completed = [entry.key for entry in entries if isinstance(entry, CommandCompleted)]
    assert tuple(intended) == FORWARD
    assert completed == [entry.key for entry in entries if isinstance(entry, CommandIntended)]
    assert all(before.at <= after.at for before, after in itertools.pairwise(entries))


@scenario()
async def every_command_carries_its_key_and_its_saga(stage: Stage) -> None:
    """Keys follow from the saga and the call, and no two commands share one."""
    await stage.run(trip, "trip-1")

    keys = [call.key for call in stage.participants.calls]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("trip-1/") for key in keys)
    assert {call.metadata["saga-id"] for call in stage.participants.calls} == {"trip-1"}


@scenario()
async def a_definition_is_found_by_name_and_version(stage: Stage) -> None:
    """The newest is that of version 0, and a saga stays on the one it was started with."""
    newest, first = stage.sagas.find("trip", 0), stage.sagas.find("trip", 1)

    assert newest is not None
    assert newest.definition.version == trip_at_once.version
    assert first is not None
    assert first.definition.version == trip.version
    assert stage.sagas.find("nothing", 0) is None
    assert {(each.definition.name, each.definition.version) for each in stage.sagas.served()} >= {
        ("trip", 1),
        ("trip", 2),
    }
    state = await stage.run(trip_at_once, "trip-2")
    assert (state.definition, state.version) == ("trip", 2)
    assert stage.participants.methods() == ["CapturePayment"]


@scenario()
async def a_saga_keeps_what_it_was_started_with(stage: Stage) -> None:
    """Its input, who started it, and the values by which it is listed."""
    order = StartOrderRequest(customer_id="ada", email="ada@example.com")
    request = stage.request(trip, "trip-1", order)._replace(started_by=ADA)

    state = await stage.sagas.start(request, wait=30.0)

    assert StartOrderRequest.FromString(state.input) == order
    assert state.started_by == ADA
    assert dict(state.attributes) == {"customer_id": "ada"}


@scenario()
async def time_and_chance_are_recorded_once(stage: Stage) -> None:
    """The result tells what the journal holds, after a restart, too."""
    answer = stage.hold("CapturePayment")
    await stage.start(drawn, "drawn-1")
    await answer.asked.wait()
    values = dict((await stage.sagas.get("drawn-1")).values)

    await stage.engine.restart()
    answer.give()
    state = await stage.rests("drawn-1")

    assert state.values == values
    assert repr(float(values["random#1"])) in Receipt.FromString(state.result or b"").carrier


@scenario()
async def a_long_saga_runs_to_its_end(stage: Stage) -> None:
    """However many commands there are, each is sent once."""
    state = await stage.run(long, "long-1")

    assert state.status is Status.COMPLETED
    assert stage.participants.methods() == ["ReserveStock"] * MANY + ["CapturePayment"]
    assert len(await stage.sagas.entries("long-1")) >= 2 * MANY


@scenario()
async def contracts_are_at_hand(stage: Stage) -> None:
    """What a command is, and whether a reply can be its answer."""
    command = stage.sagas.contract("shop.payment.v1.PaymentService.CapturePayment")

    assert command is not None
    assert stage.sagas.contract("shop.payment.v1.PaymentService.Nothing") is None
    assert stage.sagas.flaw(command.name, b"\xff") is not None
    assert stage.sagas.flaw(command.name, stage.participants.completed(command).reply) is None
    assert dataclasses.is_dataclass(command)
    assert {health.service for health in stage.sagas.participants()} >= {"shop.payment.v1.PaymentService"}
    assert ORDER.customer_id
