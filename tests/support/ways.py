"""A service over each of the ways by which its calls come, for stubs that are made for gRPC.

The methods of the service itself go over the way; the other services of the server, such as that which plans faults, go
over gRPC.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
import grpc.aio
import httpx2
import nats
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2, status_pb2

from orchestrator.participant.http_answers import REQUEST_TIMEOUT, RETRY_AFTER, STATUSES
from orchestrator.participant.queued import streams
from orchestrator.participant.queued.command import QueuedCommand
from orchestrator.participant.queued.reply import OK, QueuedReply
from orchestrator.participant.queued.subjects import Subjects, attempt_word
from orchestrator.participant.statuses import DETAILS
from orchestrator.participant.transcoding import Rule
from orchestrator.testing.conformance import OverHttp as ConformanceOverHttp
from orchestrator.testing.conformance.answers import Answer
from services.chassis.arrivals import Way

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.message import Message
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from orchestrator.contract.command import Command
    from services.chassis.server import Served
    from tests.support.nats import NatsServer

    Metadata = tuple[tuple[str, str | bytes], ...]

_LONG: Final = 30.0
_GROUP, _REPLICA = "tests", "replica"


class Told(NamedTuple):
    """What came back: the bytes of a reply, or another status than OK, and the trailing metadata of both."""

    code: grpc.StatusCode
    body: bytes = b""
    message: str = ""
    trailing: Metadata = ()


class Call:
    """A call under way, as far as tests look at one of gRPC."""

    def __init__(self, told: Awaitable[Told], read: Callable[[bytes], Message]) -> None:
        self._told = asyncio.ensure_future(told)
        self._read = read

    def __await__(self) -> Generator[Any, None, Message]:
        return self._reply().__await__()

    async def trailing_metadata(self) -> Metadata:
        return (await self._told).trailing

    async def _reply(self) -> Message:
        told = await self._told
        if told.code is grpc.StatusCode.OK:
            return self._read(told.body)
        trailing = grpc.aio.Metadata(*told.trailing)
        raise grpc.aio.AioRpcError(told.code, grpc.aio.Metadata(), trailing, told.message)


class WayChannel:
    """A channel to one service over a way, as stubs want it.

    Args:
        contract: the service.
        send: what makes one attempt: the name of the method, the request, metadata, and seconds.
        others: to the other services of the server.
    """

    def __init__(
        self,
        contract: ServiceDescriptor,
        send: Callable[[str, Message, Metadata, float], Awaitable[Told]],
        others: grpc.aio.Channel,
    ) -> None:
        self._names = {f"/{contract.full_name}/{method.name}": method.name for method in contract.methods}
        self.send = send
        self._others = others

    def unary_unary(self, path: str, *, response_deserializer: Callable[[bytes], Message], **given: Any) -> Any:  # noqa: ANN401 - a multicallable
        name = self._names.get(path)
        if name is None:
            return self._others.unary_unary(path, response_deserializer=response_deserializer, **given)

        def call(request: Message, *, metadata: Metadata = (), timeout: float = _LONG) -> Call:
            return Call(self.send(name, request, tuple(metadata), timeout), response_deserializer)

        return call

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever gRPC offers
        return getattr(self._others, name)


class OverHttp:
    """Sends calls over HTTP, by the rules of the contract."""

    def __init__(self, contract: ServiceDescriptor, client: httpx2.AsyncClient) -> None:
        self._rules = {method.name: Rule.of(method) for method in contract.methods}
        self._client = client

    async def __call__(self, name: str, request: Message, metadata: Metadata, seconds: float) -> Told:
        rule = self._rules[name]
        said = rule.call(request)
        headers = [(header, str(value)) for header, value in metadata]
        headers.append((REQUEST_TIMEOUT, f"{seconds:g}"))
        if said.body is not None:
            headers.append(("content-type", "application/json"))
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.request(said.method, said.target, headers=headers, content=said.body)
        except TimeoutError:
            return Told(grpc.StatusCode.DEADLINE_EXCEEDED)
        echoed = response.headers.get("idempotency-key")
        echo: Metadata = (("idempotency-key", echoed),) if echoed is not None else ()
        if response.status_code == STATUSES["OK"]:
            return Told(grpc.StatusCode.OK, rule.reply(response.content).SerializeToString(), trailing=echo)
        return _told_by_problem(response, echo)


def _told_by_problem(response: httpx2.Response, echo: Metadata) -> Told:
    problem = json.loads(response.content)
    code = grpc.StatusCode[problem["code"]]
    assert response.status_code == problem["status"] == STATUSES[code.name]
    details: list[Any] = []
    if "reason" in problem:
        details.append(error_details_pb2.ErrorInfo(reason=problem["reason"], metadata=problem.get("metadata", {})))
    if "violations" in problem:
        details.append(error_details_pb2.BadRequest(field_violations=problem["violations"]))
    if RETRY_AFTER in response.headers:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(float(response.headers[RETRY_AFTER]) * 1e9))
        details.append(retry)
    status = status_pb2.Status(code=code.value[0], message=problem["detail"], details=map(_packed, details))
    return Told(code, message=problem["detail"], trailing=(*echo, (DETAILS, status.SerializeToString())))


def _packed(detail: Message) -> Packed:
    packed = Packed()
    packed.Pack(detail)
    return packed


class OverNats:
    """Sends calls as commands over a broker, and finds their replies.

    Args:
        contract: the service.
        client: a connection to the broker.
        subjects: of a prefix whose streams are made.
    """

    def __init__(self, contract: ServiceDescriptor, client: Client, subjects: Subjects) -> None:
        self._service = contract.full_name
        self._client = client
        self.subjects = subjects
        self._replies: dict[str, asyncio.Future[QueuedReply]] = {}

    async def listen(self) -> None:
        """Hear the replies from now on."""
        await self._client.subscribe(self.subjects.replies_for(_GROUP, _REPLICA), cb=self._heard)

    def command(
        self, request: Message | bytes, metadata: Metadata, seconds: float, expires_at: int | None = None
    ) -> QueuedCommand:
        """A command as it travels; it expires at the end of its time, or at that instant."""
        message_id = uuid.uuid4().hex
        ends = time.time_ns() + int(seconds * 1e9) if expires_at is None else expires_at
        return QueuedCommand(
            request if isinstance(request, bytes) else request.SerializeToString(),
            metadata,
            message_id,
            self.subjects.reply(_GROUP, "saga", attempt_word(message_id), _REPLICA),
            ends,
            seconds,
        )

    async def publish(self, name: str, command: QueuedCommand) -> None:
        """Publish a command, acknowledged."""
        subject = self.subjects.command(self._service, name)
        await self._client.jetstream().publish(
            subject, command.request, command.timeout, headers=command.headers(time.time_ns())
        )

    def reply(self, command: QueuedCommand) -> asyncio.Future[QueuedReply]:
        """The reply to a command, once it has come."""
        return self._replies.setdefault(command.message_id, asyncio.get_running_loop().create_future())

    async def __call__(self, name: str, request: Message | bytes, metadata: Metadata, seconds: float) -> Told:
        command = self.command(request, metadata, seconds)
        reply = self.reply(command)
        await self.publish(name, command)
        try:
            told = await asyncio.wait_for(reply, seconds)
        except TimeoutError:
            return Told(grpc.StatusCode.DEADLINE_EXCEEDED)
        if told.status == OK:
            return Told(grpc.StatusCode.OK, told.body, trailing=told.trailing)
        return Told(grpc.StatusCode[told.status], message=told.message, trailing=told.trailing)

    async def _heard(self, message: Msg) -> None:
        reply = QueuedReply.read(message.headers, message.data)
        told = self._replies.setdefault(reply.answers, asyncio.get_running_loop().create_future())
        if not told.done():
            told.set_result(reply)


class ConformanceOverNats:
    """The way to a participant over a broker, as the conformance kit wants it."""

    def __init__(self, over: OverNats) -> None:
        self._over = over

    async def ready(self, seconds: float) -> None:
        """A command waits for the participant, so nobody has to wait for it."""

    async def send_once(self, command: Command, payload: bytes, metadata: tuple[tuple[str, str], ...]) -> Answer:
        method = command.path.rpartition("/")[2]
        seconds = command.timeout.total_seconds()
        call = Call(self._over(method, payload, metadata, seconds), command.response.FromString)
        try:
            return Answer.completed(await call, await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            return Answer.failed(error, command.outcomes)


async def make_streams(client: Client, subjects: Subjects, service: str, **changes: Any) -> None:  # noqa: ANN401 - as JetStream names them
    """Make the streams of a prefix, and the consumer of a service: as the wire has them, but for these changes."""
    for stream in (streams.commands_stream(subjects), streams.replies_stream(subjects), streams.dead_stream(subjects)):
        await _asked(client, f"$JS.API.STREAM.CREATE.{stream['name']}", stream)
    consumer = streams.service_consumer(subjects, service) | changes
    subject = f"$JS.API.CONSUMER.DURABLE.CREATE.{subjects.commands}.{consumer['durable_name']}"
    await _asked(client, subject, {"stream_name": subjects.commands, "config": consumer})


async def _asked(client: Client, subject: str, question: dict[str, Any]) -> None:
    answer = json.loads((await client.request(subject, json.dumps(question).encode(), timeout=_LONG)).data)
    assert "error" not in answer, answer


class Ways:
    """Makes channels to services over a way.

    Args:
        way: the way.
        broker: for NATS; else ``None``.
    """

    def __init__(self, way: Way, broker: NatsServer | None) -> None:
        self.way = way
        self._broker = broker
        self._subjects = Subjects(f"test-{uuid.uuid4().hex}")

    def settings(self) -> dict[str, Any]:
        """What a service is told, so that it can be reached so."""
        if self.way is Way.HTTP:
            return {"http": "127.0.0.1:0"}
        if self.way is Way.NATS:
            assert self._broker is not None
            return {"nats": f"{self._broker.url}/{self._subjects.prefix}"}
        return {}

    async def prepare(self, contract: ServiceDescriptor) -> None:
        """Make what has to be there before the service starts."""
        if self.way is Way.NATS:
            assert self._broker is not None
            async with connected(self._broker) as client:
                await make_streams(client, self._subjects, contract.full_name)

    @asynccontextmanager
    async def channel(self, contract: ServiceDescriptor, served: Served) -> AsyncIterator[Any]:
        """A channel to a service that serves."""
        async with grpc.aio.insecure_channel(served.address) as others:
            match self.way:
                case Way.GRPC:
                    yield others
                case Way.HTTP:
                    async with httpx2.AsyncClient(base_url=served.url, timeout=_LONG) as client:
                        yield WayChannel(contract, OverHttp(contract, client), others)
                case Way.NATS:
                    assert self._broker is not None
                    async with connected(self._broker) as connection:
                        over = OverNats(contract, connection, self._subjects)
                        await over.listen()
                        yield WayChannel(contract, over, others)

    @asynccontextmanager
    async def conformance(self, contract: ServiceDescriptor, served: Served) -> AsyncIterator[grpc.aio.Channel | Any]:
        """The same, as the conformance kit wants it."""
        if self.way is Way.HTTP:
            way = ConformanceOverHttp(served.url)
            try:
                yield way
            finally:
                await way.close()
            return
        async with self.channel(contract, served) as channel:
            yield channel if isinstance(channel, grpc.aio.Channel) else ConformanceOverNats(channel.send)


@asynccontextmanager
async def connected(broker: NatsServer) -> AsyncIterator[Client]:
    """A connection to a broker."""
    client = await nats.connect(broker.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    try:
        yield client
    finally:
        await client.close()
