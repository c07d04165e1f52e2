"""A service that takes its commands from a queue: either side may be away, and what comes twice has one effect."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import grpc
import nats.errors
import pytest
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo

from orchestrator.participant.queued.command import MOST_DELIVERIES
from orchestrator.participant.queued.subjects import Subjects, consumer_of
from services.chassis import serving
from services.chassis.over_nats import deliveries
from services.inventory.__main__ import SERVICE as INVENTORY
from services.payment.__main__ import SERVICE as PAYMENT
from shop.inventory.v1.inventory_pb2 import GetStockRequest, GetStockResponse, ReserveStockRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, GetPaymentRequest
from shop.type.v1.type_pb2 import Line
from tests.support.own_queue import Queue, published_and_answered
from tests.support.ways import OverNats, connected

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from orchestrator.participant.queued.reply import QueuedReply
    from services.chassis import Service
    from tests.integration.services.chassis.conftest import Start
    from tests.support.nats import NatsServer

KEY = (("idempotency-key", "order-1/ReserveStock#1"), ("saga-id", "order-1"))
RESERVE = ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=2)])
STOCK = GetStockRequest(sku="MUG-BLUE")
SLOW = AuthorizePaymentRequest(
    order_id="order-1", customer_id="alice", amount={"currency_code": "EUR", "units": 1}, card_token="tok_slow"
)
HOLD = (("idempotency-key", "order-1/AuthorizePayment#1"), ("saga-id", "order-1"))
PATIENCE = 30.0


def served(service: Service[Any], queue: Queue, folder: Path) -> Any:  # noqa: ANN401 - a context manager
    url = f"sqlite:///{folder}/{service.name}.db"
    return serving(service, service.settings(listen="127.0.0.1:0", nats=queue.url, database_url=url))


def reason(reply: QueuedReply) -> str:
    details, info = dict(reply.trailing)["grpc-status-details-bin"], ErrorInfo()
    assert isinstance(details, bytes)
    assert status_pb2.Status.FromString(details).details[0].Unpack(info)
    return str(info.reason)


async def reserved(over: OverNats) -> int:
    return GetStockResponse.FromString((await over("GetStock", STOCK, (), PATIENCE)).body).reserved


async def soon(awaited: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever it is
    return await asyncio.wait_for(awaited, PATIENCE)


async def test_a_service_that_was_down_finds_its_commands_and_does_not_execute_those_whose_time_is_over(
    queue: Queue, tmp_path: Path
) -> None:
    over = await queue.of(INVENTORY.contract)
    now = time.time_ns()
    ten_minutes_ago, in_ten_minutes = now - 600 * 10**9, now + 600 * 10**9
    late = over.command(RESERVE, (("idempotency-key", "late"),), 2.0, ten_minutes_ago)
    due = over.command(ReserveStockRequest(order_id="order-2", lines=RESERVE.lines), KEY, 2.0, in_ten_minutes)
    replies = [over.reply(command) for command in (late, due)]
    for command in (late, due):
        await over.publish("ReserveStock", command)
    async with served(INVENTORY, queue, tmp_path):
        expired, done = await soon(asyncio.gather(*replies))
        assert (expired.status, reason(expired)) == ("DEADLINE_EXCEEDED", "EXPIRED_IN_QUEUE")
        assert "idempotency-key" not in dict(expired.trailing)  # it says nothing of other attempts
        assert done.status == "OK"
        assert dict(done.trailing)["idempotency-key"] == KEY[0][1]
        assert await reserved(over) == 2
        await soon(queue.empty())


async def test_a_command_of_a_process_that_was_killed_is_delivered_to_another_and_takes_effect_once(
    queue: Queue, start: Start
) -> None:
    over = await queue.of(PAYMENT.contract, ack_wait=10**9)
    first = await start("payment", PAYMENT_NATS=queue.url)
    command = over.command(SLOW, HOLD, PATIENCE)
    reply = over.reply(command)
    await over.publish("AuthorizePayment", command)
    await held(over)
    first.process.kill()
    await first.ended()
    await start("payment", PAYMENT_NATS=queue.url)
    answered = await soon(reply)
    assert (answered.status, dict(answered.trailing)["idempotency-key"]) == ("OK", HOLD[0][1])
    assert answered.delivery > 1


async def held(over: OverNats) -> None:
    """Return as soon as the money is on hold; the reply to that command is still to come."""
    ask = GetPaymentRequest(order_id="order-1")
    while (await over("GetPayment", ask, (), PATIENCE)).code is not grpc.StatusCode.OK:
        pass


async def test_a_command_that_takes_longer_than_the_broker_waits_is_not_delivered_again(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "IN_PROGRESS_EVERY", 0.1)
    over = await queue.of(PAYMENT.contract, ack_wait=5 * 10**8)
    async with served(PAYMENT, queue, tmp_path):
        assert (await over("AuthorizePayment", SLOW, HOLD, PATIENCE)).code is grpc.StatusCode.OK  # it took 2.5 s
        await soon(queue.empty())
        info = await queue.client.jetstream().consumer_info(
            queue.subjects.commands, consumer_of(PAYMENT.contract.full_name)
        )
        assert info.delivered is not None
        assert info.delivered.consumer_seq == 1


async def test_a_command_that_comes_again_after_its_reply_gets_the_same_reply(queue: Queue, tmp_path: Path) -> None:
    over = await queue.of(INVENTORY.contract)
    async with served(INVENTORY, queue, tmp_path):
        first = await over("ReserveStock", RESERVE, KEY, PATIENCE)
        second = await over("ReserveStock", RESERVE, KEY, PATIENCE)
        assert first == second
        assert await reserved(over) == 2


async def test_a_message_that_is_no_command_is_a_dead_letter_with_its_error(queue: Queue, tmp_path: Path) -> None:
    over = await queue.of(INVENTORY.contract)
    subject = queue.subjects.command(INVENTORY.contract.full_name, "ReserveStock")
    async with served(INVENTORY, queue, tmp_path):
        await queue.client.jetstream().publish(subject, b"who are you?", headers={"saga-id": "order-1"})
        await soon(queue.empty())
        letter = await queue.letter(INVENTORY.contract.full_name)
        assert (letter.subject, letter.body, letter.deliveries) == (subject, b"who are you?", 1)
        assert letter.error == "the header Nats-Msg-Id is missing"
        assert letter.headers["saga-id"] == "order-1"
        assert await reserved(over) == 0


async def test_a_reply_is_published_among_the_replies_and_nowhere_else(queue: Queue, tmp_path: Path) -> None:
    over = await queue.of(INVENTORY.contract)
    service = INVENTORY.contract.full_name
    command = over.command(STOCK, (), PATIENCE)
    headers = {**command.headers(time.time_ns()), "Saga-Reply-To": queue.subjects.command(service, "ReserveStock")}
    async with served(INVENTORY, queue, tmp_path):
        await queue.client.jetstream().publish(
            queue.subjects.command(service, "GetStock"), command.request, headers=headers
        )
        await soon(queue.empty())
        assert "is not the subject of a reply" in (await queue.letter(service)).error


async def test_a_command_that_was_delivered_too_often_is_given_up_and_its_saga_is_told_that_nobody_knows(
    queue: Queue, tmp_path: Path
) -> None:
    over = await queue.of(INVENTORY.contract)
    service = INVENTORY.contract.full_name
    command = over.command(RESERVE, KEY, PATIENCE)
    reply = over.reply(command)
    await over.publish("ReserveStock", command)
    pulling = await queue.client.jetstream().pull_subscribe_bind(consumer_of(service), queue.subjects.commands)
    for _ in range(MOST_DELIVERIES):  # of processes that died of it
        [message] = await pulling.fetch(1, PATIENCE)
        await message.nak()
    async with served(INVENTORY, queue, tmp_path):
        told = await soon(reply)
        assert (told.status, reason(told)) == ("UNKNOWN", "DEAD_LETTERED")
        assert "idempotency-key" not in dict(told.trailing)
        await soon(queue.empty())
        letter = await queue.letter(service)
        assert (letter.body, letter.deliveries) == (command.request, MOST_DELIVERIES + 1)
        assert await reserved(over) == 0


async def test_a_request_that_cannot_be_decoded_and_a_method_that_is_not_there_are_answered(
    queue: Queue, tmp_path: Path
) -> None:
    over = await queue.of(INVENTORY.contract)
    async with served(INVENTORY, queue, tmp_path):
        stranger = await over("ExplodeStock", STOCK, KEY, PATIENCE)
        assert (stranger.code, dict(stranger.trailing).get("idempotency-key")) == (grpc.StatusCode.UNIMPLEMENTED, None)
        command = over.command(STOCK, KEY, PATIENCE)
        object.__setattr__(command, "request", b"\xff")
        reply = over.reply(command)
        await over.publish("GetStock", command)
        assert (await soon(reply)).status == "INVALID_ARGUMENT"


async def test_processes_of_one_service_share_its_commands(queue: Queue, tmp_path: Path) -> None:
    over = await queue.of(INVENTORY.contract)
    async with served(INVENTORY, queue, tmp_path), served(INVENTORY, queue, tmp_path):
        orders = [ReserveStockRequest(order_id=f"order-{n}", lines=RESERVE.lines) for n in range(40)]
        told = await asyncio.gather(
            *(over("ReserveStock", order, (("idempotency-key", order.order_id),), PATIENCE) for order in orders)
        )
        assert {each.code for each in told} == {grpc.StatusCode.OK}
        assert await reserved(over) == 2 * len(orders)


async def test_a_service_goes_on_after_its_broker_was_killed(nats_server: NatsServer, tmp_path: Path) -> None:
    async with connected(nats_server) as client:
        queue = Queue(client, nats_server.url, Subjects("commands"))
        over = await queue.of(INVENTORY.contract)
        async with served(INVENTORY, queue, tmp_path):
            assert (await over("ReserveStock", RESERVE, KEY, PATIENCE)).code is grpc.StatusCode.OK
            for _ in range(2):
                nats_server.kill()
                nats_server.start()
                assert await published_and_answered(over) == 2


async def test_a_service_starts_without_its_broker_and_takes_commands_once_it_is_there(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(nats_server))
        queue = Queue(client, nats_server.url, Subjects("commands"))
        over = await queue.of(INVENTORY.contract)
        command = over.command(RESERVE, KEY, PATIENCE)
        await over.publish("ReserveStock", command)
        nats_server.kill()
        await stack.enter_async_context(served(INVENTORY, queue, tmp_path))
        nats_server.start()
        assert (await soon(queue.stored(command.reply_to))).status == "OK"  # it was published before


async def test_a_command_in_hand_is_finished_before_the_end(queue: Queue, start: Start) -> None:
    over = await queue.of(PAYMENT.contract)
    payment = await start("payment", PAYMENT_NATS=queue.url)
    command = over.command(SLOW, HOLD, PATIENCE)
    reply = over.reply(command)
    await over.publish("AuthorizePayment", command)
    await held(over)
    assert await payment.stop(signal.SIGTERM) == 0
    assert (await soon(reply)).status == "OK"
    assert await queue.kept(queue.subjects.commands) == 0
    assert "Traceback" not in "\n".join(payment.said)


async def test_a_command_that_outlasts_the_drain_goes_to_another_process_at_once(queue: Queue, start: Start) -> None:
    over = await queue.of(PAYMENT.contract, ack_wait=600 * 10**9)
    payment = await start("payment", PAYMENT_NATS=queue.url, PAYMENT_DRAIN_SECONDS="0.1")
    command = over.command(SLOW, HOLD, PATIENCE)
    reply = over.reply(command)
    await over.publish("AuthorizePayment", command)
    await held(over)
    assert await payment.stop(signal.SIGTERM) == 0
    await start("payment", PAYMENT_NATS=queue.url)
    assert (await soon(reply)).status == "OK"


async def test_the_health_is_told_and_says_no_where_the_consumer_is_missing(queue: Queue, tmp_path: Path) -> None:
    subject = queue.subjects.health(INVENTORY.contract.full_name)

    async def told() -> bytes:
        return bytes((await queue.client.request(subject, timeout=PATIENCE)).data)

    async def serves() -> None:
        while await told() != b"SERVING":
            pass

    async with served(INVENTORY, queue, tmp_path):
        assert await told() == b"NOT_SERVING"
        await queue.of(INVENTORY.contract)
        await soon(serves())
    with pytest.raises(nats.errors.NoRespondersError):
        await told()
