"""The durable channel: an object with the interface of ``grpc.aio.Channel`` under ordinary generated stubs.

A stub asks its channel for one callable per rpc, once. Called from saga code, that callable hands the request to
the running saga, which is found in the context; so one set of stubs serves all sagas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import grpc
import grpc.aio

from orchestrator.contract.command import LONGEST_ATTEMPT
from orchestrator.definition.context import running_saga
from orchestrator.engine.run.issued import Issued
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from google.protobuf.message import Message

    from orchestrator.engine.bindings.binding import Binding, Bindings
    from orchestrator.engine.run.commands.command_issuer import CommandIssuer


_LONGEST_SECONDS: Final = LONGEST_ATTEMPT.total_seconds()


class DurableMethod(grpc.aio.UnaryUnaryMultiCallable):  # type: ignore[type-arg]
    """One rpc of a stub."""

    __slots__ = ("_binding", "_deserialize", "_serialize")

    def __init__(
        self, binding: Binding, serialize: Callable[[Any], bytes], deserialize: Callable[[bytes], Message]
    ) -> None:
        self._binding = binding
        self._serialize = serialize
        self._deserialize = deserialize

    def __call__(  # type: ignore[override]
        self,
        request: Message,
        *,
        timeout: float | None = None,
        **unsupported: object,
    ) -> Coroutine[Any, Any, Message]:
        """Issue the command in the running saga; its key is fixed now, it is sent when awaited.

        Args:
            request: the request.
            timeout: seconds that one attempt may take, instead of what the contract says.
            unsupported: what only a plain channel can do; refused.

        Raises:
            DefinitionError: no saga is running here, or an argument is not supported or makes no sense.
        """
        if unsupported:
            names = ", ".join(unsupported)
            raise DefinitionError(f"{self._binding.short_name}: {names} cannot be set on a call in a saga")
        if timeout is not None and not 0 < timeout <= _LONGEST_SECONDS:
            raise DefinitionError(
                f"{self._binding.short_name}: timeout={timeout} leaves no time or no end; "
                f"state up to {_LONGEST_SECONDS:.0f} s"
            )
        try:
            saga: CommandIssuer = running_saga.get()  # type: ignore[assignment]  # the engine binds no other
        except LookupError:
            raise DefinitionError(
                f"{self._binding.short_name} was called outside a saga; use a stub over a plain channel there"
            ) from None
        return Issued(saga.issue(self._binding, self._serialize(request), self._deserialize, timeout))


class DurableChannel(grpc.aio.Channel):
    """The channel under the stubs of every saga of one process."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings

    def unary_unary(  # type: ignore[override]
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Message],
        _registered_method: bool | None = False,
    ) -> DurableMethod:
        """The callable of one rpc."""
        binding = self._bindings.by_path(method)
        assert binding is not None, f"{method} belongs to no participant"
        return DurableMethod(binding, request_serializer, response_deserializer)

    def unary_stream(self, method: str, *_: object, **__: object) -> Callable[..., NoReturn]:  # type: ignore[override]
        """A callable that says that sagas cannot use streams."""
        return _refuse_stream(method)

    stream_unary = unary_stream  # type: ignore[assignment]
    stream_stream = unary_stream  # type: ignore[assignment]

    async def close(self, grace: float | None = None) -> None:
        """Nothing to close: the channels to the participants are closed where they were opened."""

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: ARG002 - grpc's
        """Always ready: a participant that is down delays a saga and does not fail it."""
        return grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """The state never changes, so this returns at once."""

    async def channel_ready(self) -> None:
        """It is."""


def _refuse_stream(method: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise DefinitionError(f"{method} streams; a saga can only use rpcs with one request and one response")

    return refuse
