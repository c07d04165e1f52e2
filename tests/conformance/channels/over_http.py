"""HTTP in the suite: a real server, and real connections through a proxy that can cut them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import grpc
import uvicorn
from google.rpc import status_pb2

from orchestrator.channels.http.channel import HttpChannel
from orchestrator.channels.http.settings import HttpSettings
from orchestrator.contract.addresses import HTTP
from orchestrator.participant.http_answers import HEALTH_PATH
from orchestrator.participant.transcoding import Routes, Rule
from orchestrator.testing.conformance.channels import (
    COMMAND,
    SERVICE,
    Arrived,
    ChannelUnderTest,
    Health,
    Mark,
    Refusal,
)
from orchestrator.testing.conformance.channels.harness import MOST_BYTES
from services.chassis.arrivals import Answer as Told
from services.chassis.over_http.responses import Response, of_answer, of_problem
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from orchestrator.testing.conformance.channels import Answer

LACKS: Final = frozenset({Mark.BYTES, Mark.BARE_STATUS, Mark.KEEPS, Mark.BROKER, Mark.REPEATS})
NOBODY: Final = "127.0.0.1:1"
_HEALTH: Final = {Health.SERVING: 200, Health.NOT_SERVING: 503, Health.UNTOLD: 404}


async def nothing(_arrived: Arrived) -> bytes:
    return b""


class _Server(uvicorn.Server):
    """It leaves the signals to the tests."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpUnderTest(ChannelUnderTest):
    """See :class:`orchestrator.testing.conformance.channels.ChannelUnderTest`."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.answer: Answer = nothing
        self.health = Health.SERVING
        self._stack = stack
        self._proxy: Proxy | None = None
        self._routes = Routes(map(Rule.of, SERVICE.methods))
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._port = 0

    async def start(self) -> None:
        await self.start_participant()
        self._stack.push_async_callback(self.stop_participant)
        self._proxy = await self._stack.enter_async_context(Proxy(f"127.0.0.1:{self._port}", random.Random(1)))

    def open(self, most_bytes: int = MOST_BYTES) -> HttpChannel:
        assert self._proxy is not None
        return self._opened(self._proxy.address, most_bytes)

    def open_to_nobody(self) -> HttpChannel:
        return self._opened(NOBODY, MOST_BYTES)

    def cut(self) -> None:
        assert self._proxy is not None
        self._proxy.cut()

    async def stop_participant(self) -> None:
        assert self._server is not None
        assert self._serving is not None
        self._server.should_exit = self._server.force_exit = True
        await self._serving

    async def start_participant(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._application, interface="asgi3", ws="none", lifespan="off", log_config=None, access_log=False
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([listening]))
        while not self._server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
        response = await self._respond(scope, await _body(receive))
        await send(response.start)
        await send({"type": "http.response.body", "body": response.body})

    async def _respond(self, scope: Any, body: bytes) -> Response:  # noqa: ANN401 - ASGI's
        path, query = scope["raw_path"].decode(), scope["query_string"].decode()
        if path == HEALTH_PATH:
            known = parse_qs(query)["service"] == [SERVICE.full_name]
            return of_problem(_HEALTH[self.health] if known else 404, self.health.name)
        route = self._routes.find(scope["method"], path)
        assert route is not None
        request = route.binding.request(route.values, query, body)
        metadata = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        rpc = f"/{SERVICE.full_name}/{route.rule.method.name}"
        answer = await self.answer(Arrived(rpc, request.SerializeToString(), metadata))
        return of_answer(_told(answer), route.rule)

    def _opened(self, address: str, most_bytes: int) -> HttpChannel:
        channel = HttpChannel(HTTP, address, HttpSettings(most_bytes=most_bytes))
        self._stack.push_async_callback(channel.close)
        return channel


async def _body(receive: Any) -> bytes:  # noqa: ANN401 - ASGI's
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body


def _told(answer: bytes | Refusal) -> Told:
    if not isinstance(answer, Refusal):
        return Told(grpc.StatusCode.OK, COMMAND.response.FromString(answer))
    status = status_pb2.Status(code=answer.code.number, message=answer.message)
    for detail in answer.details:
        status.details.add().Pack(detail)
    return Told(grpc.StatusCode[answer.code.name], status=status, echo=next(iter(answer.echo), None))


@asynccontextmanager
async def open_http() -> AsyncIterator[HttpUnderTest]:
    async with AsyncExitStack() as stack:
        opened = HttpUnderTest(stack)
        await opened.start()
        yield opened
