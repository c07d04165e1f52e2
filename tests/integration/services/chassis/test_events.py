"""Services as real processes hear events over a real NATS server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest

from orchestrator.shop.demo.otlp import Collector
from saga.v1.saga_service_pb2 import StartSagaRequest, StartSagaResponse
from saga.v1.saga_service_pb2_grpc import SagaServiceServicer, add_SagaServiceServicer_to_server
from shop.email.v1.email_pb2 import KeepAddressRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub
from shop.loyalty.v1.events_pb2 import GiftRequest
from shop.loyalty.v1.loyalty_pb2 import GetStampsRequest
from shop.loyalty.v1.loyalty_pb2_grpc import LoyaltyServiceStub
from shop.rewards.v1.rewards_pb2 import GetBalanceRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub
from tests.support.event_publisher import ROOT_SPAN, TRACE, placed, publishing
from tests.support.processes import PATIENCE, Running
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.integration.services.chassis.conftest import Fail, Start
    from tests.support.event_publisher import Publisher
    from tests.support.nats import NatsServer

_PREFIXES = count(1)


@pytest.fixture
def events_url(shared_nats: NatsServer) -> str:
    """A stream of its own."""
    return f"{shared_nats.url}/events-{next(_PREFIXES)}"


@pytest.fixture
async def publisher(events_url: str) -> AsyncIterator[Publisher]:
    async with publishing(events_url) as publisher:
        yield publisher


async def eventually(ask: Callable[[], Awaitable[Any]], wanted: object) -> None:
    """Returns once a service says so; it is told of events by others, at a time of its own."""
    async with asyncio.timeout(PATIENCE):
        while await ask() != wanted:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def stamps(loyalty: Running, customer_id: str) -> int:
    answer = await LoyaltyServiceStub(loyalty.channel).GetStamps(GetStampsRequest(customer_id=customer_id))
    return int(answer.stamps)


async def points(rewards: Running, customer_id: str) -> int:
    try:
        answer = await RewardsServiceStub(rewards.channel).GetBalance(GetBalanceRequest(customer_id=customer_id))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return 0
        raise
    return int(answer.balance.points)


async def test_each_subscriber_has_its_effect_once_though_the_event_comes_twice(
    start: Start, publisher: Publisher, events_url: str
) -> None:
    rewards = await start("rewards", REWARDS_EVENTS=events_url)
    loyalty = await start("loyalty", LOYALTY_EVENTS=events_url)
    await publisher.publish(placed("order-1"), placed("order-2"))
    # As it is where the broker has forgotten that it has the event.
    await publisher.publish_again(placed("order-1"))
    await publisher.publish(placed("order-3"))
    await eventually(partial(stamps, loyalty, "ada"), 3)
    await eventually(partial(points, rewards, "ada"), 36)


async def test_a_subscriber_that_is_added_later_catches_up_from_the_beginning_or_begins_now(
    start: Start, publisher: Publisher, events_url: str
) -> None:
    await publisher.publish(placed("order-1", "early"))
    rewards = await start("rewards", REWARDS_EVENTS=events_url, REWARDS_EVENTS_FROM="now")
    loyalty = await start("loyalty", LOYALTY_EVENTS=events_url)
    await eventually(partial(stamps, loyalty, "early"), 1)
    await publisher.publish(placed("order-2", "late"))
    await eventually(partial(points, rewards, "late"), 12)
    await eventually(partial(stamps, loyalty, "late"), 1)
    assert await points(rewards, "early") == 0


async def test_a_subscriber_that_was_away_hears_what_it_has_missed(
    start: Start, publisher: Publisher, events_url: str
) -> None:
    loyalty = await start("loyalty", LOYALTY_EVENTS=events_url, LOYALTY_EVENTS_FROM="now")
    await publisher.publish(placed("order-1"))
    await eventually(partial(stamps, loyalty, "ada"), 1)
    assert await loyalty.stop(signal.SIGTERM) == 0
    await publisher.publish(placed("order-2"))
    # From when on a subscription hears is decided when it begins, and not at each start.
    again = await start("loyalty", LOYALTY_EVENTS=events_url, LOYALTY_EVENTS_FROM="now")
    await eventually(partial(stamps, again, "ada"), 2)


async def test_publisher_and_subscribers_are_one_trace(start: Start, publisher: Publisher, events_url: str) -> None:
    with Collector() as collector:
        traced = collector.environment
        rewards = await start("rewards", REWARDS_EVENTS=events_url, **traced)
        loyalty = await start("loyalty", LOYALTY_EVENTS=events_url, **traced)
        event = placed("order-1")
        await publisher.publish(event)
        await eventually(partial(points, rewards, "ada"), 12)
        await eventually(partial(stamps, loyalty, "ada"), 1)
        name = "process shop.order.v1.OrderPlaced"
        await asyncio.to_thread(collector.wait_for, lambda spans: sum(span.name == name for span in spans) == 2)
        heard = [span for span in collector.spans if span.name == name]
    assert {span.service for span in heard} == {"rewards", "loyalty"}
    assert {(span.trace_id, span.parent_id, span.kind) for span in heard} == {(TRACE, ROOT_SPAN, "CONSUMER")}
    assert {span.attributes["messaging.consumer.group.name"] for span in heard} == {
        "rewards-credit_order",
        "loyalty-stamp_card",
    }
    assert {span.attributes["messaging.message.id"] for span in heard} == {event.id}


async def test_a_confirmation_goes_to_the_address_that_was_kept_for_it_and_the_address_is_forgotten(
    start: Start, publisher: Publisher, events_url: str, tmp_path: Path
) -> None:
    email = await start("email", EMAIL_EVENTS=events_url)
    await EmailServiceStub(email.channel).KeepAddress(KeepAddressRequest(order_id="order-1", to="ada@example.com"))
    await publisher.publish(placed("order-1"))
    outbox = tmp_path / "state" / "outbox"

    async def letters() -> int:
        return len(list(outbox.glob("order-1.*.eml")))

    await eventually(letters, 1)
    assert b"ada@example.com" in next(outbox.glob("order-1.*.eml")).read_bytes()
    assert await email.stop(signal.SIGTERM) == 0
    assert b"ada@example.com" not in (tmp_path / "state" / "email.db").read_bytes()


@pytest.mark.long
async def test_a_broker_that_is_killed_and_comes_back_is_heard_again(start: Start, nats_server: NatsServer) -> None:
    loyalty = await start("loyalty", LOYALTY_EVENTS=nats_server.url)
    async with publishing(nats_server.url) as publisher:
        await publisher.publish(placed("order-1"))
        await eventually(partial(stamps, loyalty, "ada"), 1)
        nats_server.kill()
        nats_server.start()
        await publisher.publish(placed("order-2"))
        await eventually(partial(stamps, loyalty, "ada"), 2)


async def test_what_a_subscriber_has_given_up_is_listed_and_tried_again_when_its_operator_asks(
    start: Start, publisher: Publisher, events_url: str, tmp_path: Path
) -> None:
    email = await start("email", EMAIL_EVENTS=events_url)
    await publisher.publish(placed("order-1"))

    async def listed() -> bool:
        return "order-1" in await told(tmp_path, "email", "dead-letters")

    await eventually(listed, wanted=True)
    assert "no address is kept for order order-1" in await told(tmp_path, "email", "dead-letters")
    await EmailServiceStub(email.channel).KeepAddress(KeepAddressRequest(order_id="order-1", to="ada@example.com"))
    assert await told(tmp_path, "email", "dead-letters", "retry") == "1 to be tried again\n"
    await eventually(listed, wanted=False)
    assert await told(tmp_path, "email", "dead-letters") == "no dead letters\n"
    assert len(list((tmp_path / "state" / "outbox").glob("order-1.*.eml"))) == 1


async def told(folder: Path, service: str, *arguments: str) -> str:
    """What a service's own command says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{service}", *arguments),
        cwd=ROOT,
        env=os.environ | {"STATE_DIR": str(folder / "state")},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


@pytest.mark.long
async def test_another_process_of_a_service_goes_on_where_the_one_that_hears_is_killed(
    start: Start, publisher: Publisher, events_url: str, postgres_url: str
) -> None:
    settings = {"LOYALTY_EVENTS": events_url, "LOYALTY_DATABASE_URL": postgres_url}
    processes = [await start("loyalty", **settings) for _ in range(2)]
    await publisher.publish(*(placed(f"order-{number}") for number in range(5)))
    await eventually(partial(stamps, processes[0], "ada"), 5)
    await processes[0].stop(signal.SIGKILL)
    await publisher.publish(*(placed(f"order-{number}") for number in range(5, 10)))
    await eventually(partial(stamps, processes[1], "ada"), 10)


class Orchestrator(SagaServiceServicer):
    """Keeps which sagas it was asked to start; the first answer is lost."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str, GiftRequest, str]] = []
        self.asked = asyncio.Event()

    async def StartSaga(  # noqa: N802 - the contract's
        self, request: StartSagaRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> StartSagaResponse:
        sent = dict(context.invocation_metadata() or ())
        gift = GiftRequest()
        assert request.input.Unpack(gift)
        self.started.append((request.definition, request.request_id, gift, str(sent["traceparent"])))
        if len(self.started) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the answer is lost")
        self.asked.set()
        return StartSagaResponse()


async def test_a_subscriber_starts_a_saga_under_the_id_of_the_event_and_in_its_trace(
    start: Start, publisher: Publisher, events_url: str
) -> None:
    made: Any = Orchestrator  # most of its methods are gRPC's own
    orchestrator: Orchestrator = made()
    server = grpc.aio.server()
    add_SagaServiceServicer_to_server(orchestrator, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await start(
        "loyalty",
        LOYALTY_EVENTS=events_url,
        LOYALTY_ORCHESTRATOR=f"127.0.0.1:{port}",
        LOYALTY_ORCHESTRATOR_TOKEN="/dev/null",
    )
    await publisher.publish(*(placed(f"order-{number}") for number in range(3)))
    async with asyncio.timeout(PATIENCE):
        await orchestrator.asked.wait()
    await server.stop(0)
    first, second = orchestrator.started
    assert first == second
    definition, request_id, gift, traceparent = first
    assert (definition, gift) == ("set_gift_aside", GiftRequest(customer_id="ada", card=1))
    assert len(request_id) == 36
    # What the stamp of the third order published belongs to the trace of that order.
    assert traceparent.split("-")[1] == TRACE


async def test_a_service_does_not_tell_events_over_a_network_in_the_open(fail: Fail) -> None:
    code, said = await fail("rewards", REWARDS_EVENTS="nats://nats.example.com:4222")
    assert code == 1
    assert "REWARDS_EVENTS: nats.example.com:4222 is reached over a network, without encryption" in said


async def test_an_address_of_no_broker_is_a_setting_that_cannot_be_used(fail: Fail) -> None:
    code, said = await fail("rewards", REWARDS_EVENTS="http://127.0.0.1:4222")
    assert code == 2
    assert "REWARDS_EVENTS" in said
