"""One delivery of a command: in which order it is answered, acknowledged and given up."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import nats.errors
import pytest

from orchestrator.participant.queued.command import EXPIRED_IN_QUEUE, MOST_DELIVERIES, QueuedCommand
from orchestrator.participant.queued.reply import DETAILS, STATUS, QueuedReply
from orchestrator.participant.queued.subjects import Subjects
from orchestrator.participant.security.trust import everybody
from services.chassis.answering import Answering
from services.chassis.over_nats import deliveries
from services.chassis.over_nats.deliveries import MOST_IN_HAND, Deliveries
from services.chassis.over_nats.replies import Publishing, TooLargeError
from services.chassis.spans import Untraced
from shop.inventory.v1.inventory_pb2 import DESCRIPTOR, GetStockRequest, GetStockResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nats.aio.msg import Msg

CONTRACT = DESCRIPTOR.services_by_name["InventoryService"]
SUBJECTS = Subjects("commands")
REPLY_TO = SUBJECTS.reply("group", "saga", "attempt", "replica")
SUBJECT = SUBJECTS.command(CONTRACT.full_name, "GetStock")
NOW = 1_000_000_000_000_000_000
COMMAND = QueuedCommand(
    GetStockRequest(sku="MUG-BLUE").SerializeToString(), (), "attempt-1", REPLY_TO, NOW + 1_000, 60.0
)


EXPIRED = QueuedCommand(COMMAND.request, (("idempotency-key", "key-1"),), "attempt-1", REPLY_TO, NOW, 60.0)


class Guard:
    """Knows some keys."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    async def has_seen(self, key: str) -> bool:
        return key in self.keys


class Servicer:
    """Answers GetStock when it is told to."""

    def __init__(self) -> None:
        self.guard = Guard()
        self.calls = 0
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def GetStock(self, request: GetStockRequest, _context: object) -> GetStockResponse:  # noqa: N802
        self.calls += 1
        self.called.set()
        await self.may_answer.wait()
        return GetStockResponse(sku=request.sku)

    def __getattr__(self, name: str) -> object:
        return None  # the other methods of the contract


class World:
    """A broker that notes what is said to it, and a service behind it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.replies: list[QueuedReply] = []
        self.refused: list[Exception] = []
        self.may_publish = asyncio.Event()
        self.may_publish.set()
        self.servicer = Servicer()
        answering = Answering(CONTRACT, cast("Any", self.servicer), tracing=Untraced(), trusts=everybody)
        self.deliveries = Deliveries(answering, SUBJECTS, self.publish, now=lambda: NOW)

    async def publish(self, subject: str, body: bytes, make_headers: Callable[[], Mapping[str, str]]) -> None:
        await self.may_publish.wait()
        headers = make_headers()
        if self.refused:
            raise self.refused.pop(0)
        if STATUS in headers:
            self.replies.append(QueuedReply.read(headers, body))
        self.said.append(f"{subject.partition('.')[0]} {headers.get('Saga-Status') or headers['Saga-Died-Of']}")

    def deliver(self, number: int = 1, command: QueuedCommand = COMMAND, **changes: object) -> None:
        async def say(what: str) -> None:
            self.said.append(f"{what} {number}")

        message = SimpleNamespace(
            subject=SUBJECT,
            headers=command.headers(NOW),
            data=command.request,
            metadata=SimpleNamespace(num_delivered=number),
            **{name: (lambda name=name: say(name)) for name in ("ack", "nak", "term", "in_progress")},
        )
        message.__dict__.update(changes)
        self.deliveries.take(cast("Msg", message))

    async def settled(self) -> list[str]:
        await self.deliveries.drain(60)
        return self.said


async def test_a_command_is_acknowledged_once_its_reply_is_durable() -> None:
    world = World()
    world.deliver()
    assert await world.settled() == ["commands-replies OK", "ack 1"]


async def test_a_command_whose_reply_is_not_durable_is_not_acknowledged() -> None:
    world = World()
    world.refused = [RuntimeError("the process is about to die")]
    world.deliver()
    assert await world.settled() == []


async def test_a_command_that_comes_again_while_it_is_in_hand_is_executed_once_and_acknowledged_once() -> None:
    world = World()
    world.servicer.may_answer.clear()
    world.deliver(1)
    await asyncio.wait_for(world.servicer.called.wait(), 10)
    world.deliver(2)
    await asyncio.sleep(0)
    world.servicer.may_answer.set()
    assert await world.settled() == ["commands-replies OK", "ack 2"]
    assert world.servicer.calls == 1


async def test_a_command_whose_time_is_over_is_not_executed() -> None:
    world = World()
    world.deliver(command=QueuedCommand(COMMAND.request, (), "attempt-1", REPLY_TO, NOW, 60.0))
    assert await world.settled() == ["commands-replies DEADLINE_EXCEEDED", "ack 1"]
    assert world.servicer.calls == 0


async def test_an_expired_command_that_was_delivered_before_is_not_said_to_have_had_no_effect() -> None:
    world = World()
    world.deliver(2, command=EXPIRED)
    assert await world.settled() == ["commands-replies DEADLINE_EXCEEDED", "ack 2"]
    assert [reply.delivery for reply in world.replies] == [2]
    assert EXPIRED_IN_QUEUE not in str(dict(world.replies[0].trailing)[DETAILS])


async def test_a_reply_tells_of_the_latest_delivery_in_hand() -> None:
    world = World()
    world.may_publish.clear()
    world.deliver(1, command=EXPIRED)
    await asyncio.sleep(0)
    world.deliver(3, command=EXPIRED)
    await asyncio.sleep(0)
    world.may_publish.set()
    assert await world.settled() == ["commands-replies DEADLINE_EXCEEDED", "ack 3"]
    assert [reply.delivery for reply in world.replies] == [3]


@pytest.mark.parametrize(("seconds", "told"), [(4.0, 1), (5.0, 0), (30.0, 0)])
async def test_one_that_comes_late_does_not_say_that_there_is_no_other_delivery(
    monkeypatch: pytest.MonkeyPatch, seconds: float, told: int
) -> None:
    world, started_at = World(), time.monotonic()
    monkeypatch.setattr(deliveries, "time", SimpleNamespace(monotonic=lambda: started_at))
    world.may_publish.clear()
    world.deliver(1, command=EXPIRED)
    await asyncio.sleep(0)
    monkeypatch.setattr(deliveries, "time", SimpleNamespace(monotonic=lambda: started_at + seconds))
    world.may_publish.set()
    await world.settled()
    assert [reply.delivery for reply in world.replies] == [told]


async def test_an_expired_command_that_the_guard_knows_is_answered_by_the_guard() -> None:
    world = World()
    world.servicer.guard.keys.add("key-1")
    world.deliver(command=EXPIRED)
    assert await world.settled() == ["commands-replies OK", "ack 1"]


async def test_a_command_is_executed_at_its_last_delivery_and_given_up_at_the_next_one() -> None:
    world = World()
    world.deliver(MOST_DELIVERIES)
    assert await world.settled() == ["commands-replies OK", f"ack {MOST_DELIVERIES}"]
    world.said.clear()
    world.deliver(MOST_DELIVERIES + 1)
    told = f"it was delivered {MOST_DELIVERIES} times%2C and never answered"
    assert await world.settled() == [
        "commands-replies UNKNOWN",
        f"commands-dead {told}",
        f"term {MOST_DELIVERIES + 1}",
    ]
    assert world.servicer.calls == 1


async def test_a_message_is_terminated_once_its_dead_letter_is_durable() -> None:
    world = World()
    world.deliver(headers={})
    assert await world.settled() == ["commands-dead the header Nats-Msg-Id is missing", "term 1"]


async def test_a_dead_letter_that_is_too_large_is_kept_without_its_body() -> None:
    world = World()
    world.refused = [TooLargeError()]
    world.deliver(headers={})
    [letter, end] = await world.settled()
    assert letter.endswith("its body is too large to be kept")
    assert end == "term 1"


async def test_a_reply_that_the_broker_does_not_take_is_a_lost_answer() -> None:
    world = World()
    world.refused = [TooLargeError()]
    world.deliver()
    assert await world.settled() == ["commands-replies INTERNAL", "ack 1"]


async def test_a_command_that_outlasts_the_drain_is_given_back() -> None:
    world = World()
    world.servicer.may_answer.clear()
    world.deliver()
    await asyncio.wait_for(world.servicer.called.wait(), 10)
    await world.deliveries.drain(0)
    assert world.said == ["nak 1"]


async def test_no_more_commands_are_asked_for_than_there_is_room_for() -> None:
    world = World()
    world.servicer.may_answer.clear()
    assert await world.deliveries.room() == MOST_IN_HAND
    for number in range(MOST_IN_HAND):
        world.deliver(
            command=QueuedCommand(COMMAND.request, (), f"attempt-{number}", REPLY_TO, COMMAND.expires_at, 60.0)
        )
    waiting = asyncio.ensure_future(world.deliveries.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    world.servicer.may_answer.set()
    assert await waiting > 0
    await world.settled()


async def test_a_message_is_published_again_until_the_broker_has_it() -> None:
    tried: list[str] = []

    class Stream:
        async def publish(self, subject: str, *_rest: object, headers: Mapping[str, str]) -> None:
            tried.append(f"{subject} {headers['Saga-Delivery']}")
            if len(tried) < 3:
                raise nats.errors.TimeoutError

    stream = Stream()
    connections = [None, stream, stream, stream]
    numbers = ["1", "1", "2"]
    publishing = Publishing(lambda: cast("Any", connections.pop(0)), pause=lambda _: asyncio.sleep(0))
    await publishing("replies", b"", lambda: {"Saga-Delivery": numbers.pop(0)})
    assert tried == ["replies 1", "replies 1", "replies 2"]
