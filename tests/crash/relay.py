"""A gRPC relay in front of a participant: the participant does what it is asked to, and the answer never comes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, cast

import grpc
import grpc.aio

from tests.crash.processes import CHANNEL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    Context = grpc.aio.ServicerContext[bytes, bytes]

ANY_SAGA: Final = ""

# What belongs to a connection and not to a call.
_OF_THE_HOP: Final = ("user-agent", "grpc-", ":")


def saga_of(context: Context) -> str:
    """The saga to which a call belongs; empty for a call of health or reflection."""
    return str(dict(context.invocation_metadata() or ()).get("saga-id", ""))


class Relay(grpc.GenericRpcHandler):
    """Passes unary calls on to a target as they are; an async context manager.

    Args:
        target: ``host:port``.
        silent: rpcs, by their short names, and how many of their replies are lost, the first ones; refusals pass.
        silent_to: rpcs, by their short names, and the one saga that never hears of their replies; with ``ANY_SAGA``
            the first that calls them.

    Attributes:
        address: where it listens.
        lost: how many replies were lost so far.
    """

    def __init__(
        self, target: str, *, silent: Mapping[str, int] | None = None, silent_to: Mapping[str, str] | None = None
    ) -> None:
        self._silent = dict(silent or {})
        self._silent_to = dict(silent_to or {})
        self.lost = 0
        self.address = ""
        self._swallowed = asyncio.Condition()
        self._channel = grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
        self._server = grpc.aio.server(handlers=[self])

    async def __aenter__(self) -> Self:
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._server.stop(None)
        await self._channel.close()

    async def have_lost(self, count: int) -> None:
        """Wait until so many replies were lost: their effects stand, and no caller was told."""
        async with self._swallowed:
            await self._swallowed.wait_for(lambda: self.lost >= count)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """The way to any method."""
        relay: Any = partial(self._relay, handler_call_details.method)
        return grpc.unary_unary_rpc_method_handler(relay)

    async def _relay(self, path: str, request: bytes, context: Context) -> bytes:
        reply = await self._pass_on(path, request, context)
        if self._is_silent(path.rpartition("/")[2], saga_of(context)):
            await self._lose()
        return reply

    async def _pass_on(self, path: str, request: bytes, context: Context) -> bytes:
        """The target's reply; its refusal is passed back as it is, the trailing metadata included."""
        metadata = [
            (key, value) for key, value in context.invocation_metadata() or () if not key.startswith(_OF_THE_HOP)
        ]
        # A call without a deadline has None left, whatever the stubs say.
        left = cast("float | None", context.time_remaining())
        call: Any = self._channel.unary_unary(path)
        try:
            return bytes(await call(request, metadata=metadata, timeout=left))
        except grpc.aio.AioRpcError as error:
            context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
            await context.abort(error.code(), error.details() or "")

    def _is_silent(self, method: str, saga_id: str) -> bool:
        if method in self._silent_to:
            self._silent_to[method] = self._silent_to[method] or saga_id
            return self._silent_to[method] == saga_id
        if self._silent.get(method, 0) > 0:
            self._silent[method] -= 1
            return True
        return False

    async def _lose(self) -> None:
        async with self._swallowed:
            self.lost += 1
            self._swallowed.notify_all()
        await asyncio.get_running_loop().create_future()  # until the caller's deadline
