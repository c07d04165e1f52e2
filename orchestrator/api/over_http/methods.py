"""The rpcs that have a rule for HTTP, with what stands before each of them over gRPC, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import grpc
from google.protobuf import descriptor_pool

from orchestrator.api.calls.access_interceptor import Door, required_roles
from orchestrator.api.calls.refusal_log import RefusalLog
from orchestrator.contract.access import Role
from orchestrator.errors import DefinitionError
from orchestrator.participant.transcoding import Routes, Rule, RuleError, annotated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import grpc.aio

    from orchestrator.access.authentication import Authentication, Credentials
    from orchestrator.api.calls.interceptor import Boundary
    from orchestrator.participant.transcoding.templates import Template
    from orchestrator.ports.clock import Clock

    Handler = grpc.RpcMethodHandler[Any, Any]
    Services = Mapping[str, Callable[[grpc.aio.Server], None]]


class Method(NamedTuple):
    """One rpc.

    Attributes:
        door: tells who calls, and whether they may.
        behaviour: takes the message and the context, behind validation and the forming of errors.
        is_stream: whether it answers with a stream.
    """

    door: Door
    behaviour: Callable[[Any, Any], Any]
    is_stream: bool


class Methods:
    """All rpcs that have a rule.

    Args:
        services: for each service's full name, the function that adds its servicer to a server.
        authentication: tells who calls.
        boundary: stands around each of them.
        clock: the time.

    Attributes:
        routes: find the rpc of a call.
        anywhere: what stands before an address that no rpc has.
        prefixes: the first segments of all addresses, such as ``/v1``.

    Raises:
        DefinitionError: a rule makes no sense, or two rpcs have the same address.
    """

    def __init__(self, services: Services, authentication: Authentication, boundary: Boundary, clock: Clock) -> None:
        self._handlers = _handlers(services)
        self._boundary = boundary
        self._methods: dict[str, Method] = {}
        log, roles = RefusalLog(), required_roles(services)

        def door(path: str) -> Door:
            return Door(authentication, path, roles[path], log, clock, _credentials)

        self._doors = {path: door(path) for path in self._handlers}
        self.anywhere = Door(authentication, "/", (Role.VIEWER,), log, clock, _credentials)
        try:
            rules = rules_of(services)
            self.routes = Routes(rules)
        except RuleError as error:
            raise DefinitionError(f"not served, because {error}") from error
        self.prefixes = frozenset(_prefix(binding.template) for rule in rules for binding in rule.bindings)

    async def find(self, rule: Rule) -> Method:
        """The rpc of a rule."""
        path = f"/{rule.method.containing_service.full_name}/{rule.method.name}"
        if path not in self._methods:
            self._methods[path] = await self._behind(path)
        return self._methods[path]

    async def _behind(self, path: str) -> Method:
        async def found(_: grpc.HandlerCallDetails) -> Handler:
            return self._handlers[path]

        wrapped = await self._boundary.intercept_service(found, _Details(path))
        assert wrapped is not None
        behaviour = wrapped.unary_stream or wrapped.unary_unary
        return Method(self._doors[path], cast("Any", behaviour), wrapped.unary_stream is not None)


def rules_of(services: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of all rpcs of these services that have one, in the order of the contracts.

    Raises:
        RuleError: one makes no sense.
    """
    found = map(descriptor_pool.Default().FindServiceByName, services)
    methods = (method for service in found for method in service.methods)
    return tuple(Rule.of(method) for method in methods if annotated(method) is not None and not method.client_streaming)


def _prefix(template: Template) -> str:
    """Raises: DefinitionError: it begins with a variable, so that it would take all addresses."""
    first = template.parts[0]
    if not isinstance(first, str) or first.startswith("*"):
        raise DefinitionError(f"{template.text} begins with no name; every path needs one, such as /v1")
    return f"/{first}"


@dataclass
class _Details:
    """What an interceptor is told of a call."""

    method: str
    invocation_metadata: Any = ()


class _Registered:
    """Takes servicers as a server of gRPC does."""

    def __init__(self) -> None:
        self.handlers: list[grpc.GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        self.handlers.extend(handlers)

    def add_registered_method_handlers(self, _service: str, _handlers: object) -> None:
        """The same once more, for servers that look them up by name."""


def _handlers(services: Services) -> dict[str, Handler]:
    registered = _Registered()
    for add in services.values():
        add(cast("Any", registered))
    found: dict[str, Handler] = {}
    for name in services:
        for method in descriptor_pool.Default().FindServiceByName(name).methods:
            path = f"/{name}/{method.name}"
            handlers = (each.service(_Details(path)) for each in registered.handlers)
            handler = next((each for each in handlers if each is not None), None)
            if handler is not None:
                found[path] = handler
    return found


def _credentials(context: Any) -> Credentials:  # noqa: ANN401 - an HttpContext
    return cast("Credentials", context.credentials())
