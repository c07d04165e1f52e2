"""The first thing that every call meets: who calls, and may they?

Purpose: nothing is answered, read or journalled for a caller who may not have it. Invariant: a method without a role is
refused to everybody; health alone is open.

::

    call ──▶ who calls? ──▶ may they? ──▶ decoding, validation, the method
                 │              │
                 ▼              ▼
          UNAUTHENTICATED  PERMISSION_DENIED, both with the reason in a google.rpc.ErrorInfo

A request is decoded after this, so that what is sent by nobody is only bytes. All four shapes of methods pass.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, cast

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from grpc_health.v1 import health
from grpc_status import rpc_status

from orchestrator.access.authentication import Credentials
from orchestrator.access.decisions import refuse_without_role
from orchestrator.access.subject import enter
from orchestrator.api.calls.lasting import Lasting
from orchestrator.api.calls.refusal_log import RefusalLog
from orchestrator.api.calls.refusals import status_for
from orchestrator.channels.grpc.reflection import V1, V1ALPHA
from orchestrator.contract.access import Role, roles_of
from orchestrator.contract.rules.access import check_access
from orchestrator.errors import AccessRefused, DefinitionError, KeysUnavailable, NotAllowed
from orchestrator.participant.security.callers import shown_by
from orchestrator.participant.security.certificates import has_ended, names_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from orchestrator.access.authentication import Authentication
    from orchestrator.access.subject import Subject
    from orchestrator.ports.clock import Clock

    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]

_OPEN: Final = f"/{health.SERVICE_NAME}/"
_REFLECTION: Final = {f"/{version}/ServerReflectionInfo": (Role.VIEWER,) for version in (V1, V1ALPHA)}

Roles = tuple[Role, ...]
"""All of which a method needs; empty where nobody may call it."""


def required_roles(services: Iterable[str]) -> dict[str, Roles]:
    """What each method needs, by its path, such as ``/saga.v1.SagaService/GetSaga``; that of reflection too.

    Args:
        services: the full names of the API's services, whose stubs are imported.

    Raises:
        DefinitionError: a contract does not say of an rpc who may call it.
    """
    found = [descriptor_pool.Default().FindServiceByName(name) for name in services]
    if violations := [str(violation) for service in found for violation in check_access(service)]:
        raise DefinitionError("\n".join(["not served, because of:", *violations]))
    roles = {f"/{each.full_name}/{method.name}": roles_of(method) for each in found for method in each.methods}
    return {**_REFLECTION, **roles}


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Lets a call pass whose caller is known and has the role that its method needs.

    Args:
        authentication: tells who calls.
        roles: what each method needs, by its path.
        clock: tells when to look again at the caller of a stream.
    """

    def __init__(self, authentication: Authentication, roles: dict[str, Roles], clock: Clock) -> None:
        self._authentication = authentication
        self._roles = roles
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._log = RefusalLog()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a call behind the door; each method is wrapped once."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or path.startswith(_OPEN):
            return handler
        door = Door(self._authentication, path, self._roles.get(path, ()), self._log, self._clock)
        self._handlers[path] = _guarded(handler, door)
        return self._handlers[path]


def grpc_credentials(context: Context) -> Credentials:
    """What a call over gRPC brings. A certificate is there only where the server has verified it."""
    said = [str(value) for key, value in context.invocation_metadata() or () if key == "authorization"]
    authorization = "more than one" if len(said) > 1 else "".join(said)
    pem, peer = shown_by(context), str(context.peer())
    if pem is None:
        return Credentials(authorization, (), peer)
    return Credentials(authorization, names_now(pem), peer, has_ended=has_ended(pem))


class Door(NamedTuple):
    """What stands before one method.

    Attributes:
        authentication: tells who calls.
        path: of the method.
        roles: all of which it needs; empty where nobody may call it.
        log: of refusals.
        clock: the time.
        credentials: what a call brings, by its context.
    """

    authentication: Authentication
    path: str
    roles: Roles
    log: RefusalLog
    clock: Clock
    credentials: Callable[[Context], Credentials] = grpc_credentials

    async def admit(self, context: Context) -> Subject:
        """Let the caller in, who is then the current one; otherwise the call ends here."""
        try:
            who = await self.look(context)
        except (AccessRefused, KeysUnavailable) as error:
            await refuse(error, context)
        enter(who)
        return who

    async def look(self, context: Context) -> Subject:
        """Who calls. A refusal is logged.

        Raises:
            AccessRefused: nobody knows, or they may not.
            KeysUnavailable: the keys that would tell could not be read so far.
        """
        who: Subject | None = None
        try:
            who = await self.authentication.subject(self.credentials(context))
            if not self.roles:
                raise NotAllowed("ROLE_UNKNOWN", f"the contract does not say who may call {self.path}, so nobody may")
            for role in self.roles:
                refuse_without_role(who, role, self.path.rpartition("/")[2])
        except (AccessRefused, KeysUnavailable) as error:
            self.log.tell(self.path, str(who) if who else f"somebody at {context.peer()}", error)
            raise
        return who


async def refuse(error: Exception, context: Context) -> NoReturn:
    """End a call."""
    await context.abort_with_status(rpc_status.to_status(status_for(error)))


def _guarded(handler: Handler, door: Door) -> Handler:
    """The handler behind a door. It takes bytes, and reads them once the caller is in."""
    read = cast("Callable[[bytes], Any]", handler.request_deserializer)
    kind: dict[str, Any] = {"request_deserializer": None, "response_serializer": handler.response_serializer}
    # The stubs know only the synchronous form of a handler.
    if handler.stream_stream is not None:
        return grpc.stream_stream_rpc_method_handler(_streaming(handler.stream_stream, door, _each(read)), **kind)
    if handler.stream_unary is not None:
        return grpc.stream_unary_rpc_method_handler(_answering(handler.stream_unary, door, _each(read)), **kind)
    if handler.unary_stream is not None:
        return grpc.unary_stream_rpc_method_handler(_streaming(handler.unary_stream, door, read), **kind)
    return grpc.unary_unary_rpc_method_handler(_answering(handler.unary_unary, door, read), **kind)


def _answering(behaviour: Any, door: Door, read: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - see _guarded
    async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401 - bytes, or a stream of them
        await door.admit(context)
        return await behaviour(read(request), context)

    return answer


def _streaming(behaviour: Any, door: Door, read: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - see _guarded
    async def stream(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401 - bytes, or a stream of them
        admitted = await door.admit(context)
        lasting = Lasting(partial(door.look, context), door.clock)
        try:
            async for message in lasting.answers(behaviour(read(request), context), admitted):
                yield message
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - every error has a status
            await refuse(error, context)

    return stream


def _each(read: Callable[[bytes], Any]) -> Callable[[AsyncIterator[bytes]], AsyncIterator[Any]]:
    async def read_each(requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for request in requests:
            yield read(request)

    return read_each
