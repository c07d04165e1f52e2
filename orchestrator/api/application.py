"""What an application adds to the API: servicers of its own, beside its sagas.

A module that holds sagas may hold a function that is declared with :func:`servicers`; it is called once, before the
server takes calls. What it registers is served as ``SagaService`` is: callers need the role that the contract states,
requests are validated, errors become rich statuses, health and reflection name it, and a drain waits for its calls.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    import grpc.aio
    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.api.starts import Starts
    from orchestrator.engine.sagas import Sagas
    from orchestrator.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Application:
    """Where an application registers its servicers, and what they may ask for.

    Attributes:
        sagas: the engine.
        starts: the way in for new sagas, which refuses what is too much.
        clock: how time passes.
        channel: a channel to a participant as it is now, by the full name of its service; for one use. It raises
            DefinitionError where no saga that is served reaches the service over gRPC.
        services: for each service's full name, the function that adds its servicer to a server.
    """

    sagas: Sagas
    starts: Starts
    clock: Clock
    channel: Callable[[str], grpc.aio.Channel]
    services: dict[str, Callable[[grpc.aio.Server], None]] = field(default_factory=dict)

    def add(self, service: str, add_to_server: Callable[[Any, Any], None], servicer: object) -> None:
        """Serve one more service.

        Args:
            service: its full name, such as ``shop.order.v1.OrderService``.
            add_to_server: what is generated beside its servicer, such as ``add_OrderServiceServicer_to_server``.
            servicer: answers its calls.

        Raises:
            DefinitionError: a service of this name is served already.
        """
        if service in self.services:
            raise DefinitionError(f"{service} is registered twice; it can be served once")
        # Where a contract has no messages of its own, its stubs do not import it, and reflection would not know it.
        importlib.import_module(add_to_server.__module__.removesuffix("_grpc"))
        self.services[service] = partial(add_to_server, servicer)


@dataclass(frozen=True, slots=True, eq=False)
class Servicers:
    """A function that registers the servicers of an application; made by :func:`servicers`."""

    register: Callable[[Application], None]


def servicers(register: Callable[[Application], None]) -> Servicers:
    """Declare a function that registers servicers, to be found beside the sagas of its module."""
    return Servicers(register)


def servicers_in(modules: Iterable[ModuleType]) -> Iterator[Servicers]:
    """Every such function that the modules hold, each once."""
    found = (value for module in modules for value in vars(module).values() if isinstance(value, Servicers))
    yield from dict.fromkeys(found)


def services_beside(found: Iterable[Servicers]) -> Iterator[ServiceDescriptor]:
    """The services that the modules of such functions can register: they import what adds them to a server.

    This is read without a call of the functions, which would need an engine.
    """
    for each in found:
        for value in getattr(each.register, "__globals__", {}).values():
            name = _ADDS.fullmatch(getattr(value, "__name__", ""))
            module = getattr(value, "__module__", None) or ""
            if name and module.endswith("_pb2_grpc"):
                stubs = importlib.import_module(module.removesuffix("_grpc"))
                yield stubs.DESCRIPTOR.services_by_name[name[1]]


_ADDS: Final = re.compile(r"add_(\w+)Servicer_to_server")
