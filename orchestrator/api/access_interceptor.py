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

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from grpc_health.v1 import health
from grpc_status import rpc_status

from orchestrator.access.authentication import Credentials
from orchestrator.access.decisions import refuse_without_role
from orchestrator.access.subject import enter
from orchestrator.api.refusal_log import RefusalLog
from orchestrator.api.refusals import status_for
from orchestrator.channels.grpc.reflection import V1, V1ALPHA
from orchestrator.contract.access import Role, role_of
from orchestrator.contract.rules.access import check_access
from orchestrator.errors import AccessRefused, DefinitionError, KeysUnavailable, NotAllowed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from orchestrator.access.authentication import Authentication
    from orchestrator.access.subject import Subject

    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]

_OPEN: Final = f"/{health.SERVICE_NAME}/"
_REFLECTION: Final = {f"/{version}/ServerReflectionInfo": Role.VIEWER for version in (V1, V1ALPHA)}
_TRUSTED_SECONDS: Final = 15.0
"""For how long a stream goes on before its caller is looked at again: tokens expire and are taken away."""


def required_roles(services: Iterable[str]) -> dict[str, Role]:
    """The role that each method needs, by its path, such as ``/saga.v1.SagaService/GetSaga``; that of reflection too.

    Args:
        services: the full names of the API's services, whose stubs are imported.

    Raises:
        DefinitionError: a contract does not say of an rpc who may call it.
    """
    found = [descriptor_pool.Default().FindServiceByName(name) for name in services]
    if violations := [str(violation) for service in found for violation in check_access(service)]:
        raise DefinitionError("\n".join(["not served, because of:", *violations]))
    roles = {f"/{each.full_name}/{method.name}": role_of(method) for each in found for method in each.methods}
    return {**_REFLECTION, **{path: role for path, role in roles.items() if role is not None}}


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Lets a call pass whose caller is known and has the role that its method needs.

    Args:
        authentication: tells who calls.
        roles: the role that each method needs, by its path.
    """

    def __init__(self, authentication: Authentication, roles: dict[str, Role]) -> None:
        self._authentication = authentication
        self._roles = roles
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
        self._handlers[path] = _guarded(handler, Door(self._authentication, path, self._roles.get(path), self._log))
        return self._handlers[path]


class Door(NamedTuple):
    """What stands before one method.

    Attributes:
        authentication: tells who calls.
        path: of the method.
        role: that it needs; ``None`` where nobody may call it.
        log: of refusals.
    """

    authentication: Authentication
    path: str
    role: Role | None
    log: RefusalLog

    async def admit(self, context: Context) -> None:
        """Let the caller in; otherwise the call ends here."""
        who: Subject | None = None
        try:
            who = await self.authentication.subject(_credentials(context))
            if self.role is None:
                raise NotAllowed("ROLE_UNKNOWN", f"the contract does not say who may call {self.path}, so nobody may")
            refuse_without_role(who, self.role, self.path.rpartition("/")[2])
        except (AccessRefused, KeysUnavailable) as error:
            self.log.tell(self.path, str(who) if who else f"somebody at {context.peer()}", error)
            await context.abort_with_status(rpc_status.to_status(status_for(error)))
        else:
            enter(who)


def _credentials(context: Context) -> Credentials:
    """What the call brings. A certificate is there only where the server has verified it."""
    said = [str(value) for key, value in context.invocation_metadata() or () if key == "authorization"]
    peer = str(context.peer())
    if said:
        return Credentials(said[0] if len(said) == 1 else "more than one", (), peer)
    shown = cast("dict[str, Iterable[bytes]]", context.auth_context())
    # An authority that checks alternative names may let anybody choose the common name (RFC 6125).
    names = shown.get("x509_subject_alternative_name") or shown.get("x509_common_name") or ()
    return Credentials("", tuple(name.decode(errors="replace") for name in names), peer)


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
        await door.admit(context)
        admitted_at = time.monotonic()
        async for message in behaviour(read(request), context):
            if time.monotonic() - admitted_at > _TRUSTED_SECONDS:
                await door.admit(context)
                admitted_at = time.monotonic()
            yield message

    return stream


def _each(read: Callable[[bytes], Any]) -> Callable[[AsyncIterator[bytes]], AsyncIterator[Any]]:
    async def read_each(requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for request in requests:
            yield read(request)

    return read_each
