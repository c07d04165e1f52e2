"""The participants of the sagas that a process serves: where each is, the way to it, and whether its contract is ours.

Invariant: no engine starts while a participant has no address, or differs from its contract on the wire.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.analysis.plan.sending import sent_by
from orchestrator.bootstrap.channels import channel_kinds, nats_security, security_of
from orchestrator.bootstrap.served import refuse_listed, refuse_unused, services_of
from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.live_contracts import LiveContracts
from orchestrator.channels.nats.channel import NatsChannel
from orchestrator.channels.router import Router
from orchestrator.connections.nats_security import refuse_readable
from orchestrator.connections.tls import keep_fresh
from orchestrator.contract.addresses import default_address
from orchestrator.contract.rules.http import check_mapped
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from orchestrator.bootstrap.served import Definition
    from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
    from orchestrator.settings import Settings


@dataclass(frozen=True, slots=True)
class OpenParticipants:
    """The participants of a process, while it runs.

    Attributes:
        where: the address of each, by the full name of its service.
        router: the way to them.
        live: their contracts as they are served; ``None`` where these are not to be compared.
    """

    where: Mapping[str, str]
    router: Router
    live: LiveContracts | None

    def compare_on_return(self, breakers: Mapping[str, CircuitBreaker]) -> None:
        """Compare a participant's contract again when it is back, for it may be another one then."""
        if self.live is not None:
            for service, breaker in breakers.items():
                breaker.on_return = partial(self.live.compare_again, service)


@asynccontextmanager
async def open_participants(
    settings: Settings, definitions: Sequence[Definition], replica: str = "nobody"
) -> AsyncIterator[OpenParticipants]:
    """The way to the participants of these sagas.

    Args:
        settings: of this process.
        definitions: the sagas that it runs.
        replica: to whom participants answer where they are reached over a queue.

    Raises:
        SettingsError: an address or a file cannot be used.
        DefinitionError: a contract cannot be used over the channel to its participant, or differs from the live one.
    """
    where = addresses(definitions, settings.participants)
    services, sent = services_of(definitions).values(), sent_by(definitions)
    refuse_listed(check_mapped(services, where, sent))
    security = security_of(settings, where)
    async with AsyncExitStack() as stack:
        router = Router(where, channel_kinds(settings, security, replica))
        stack.push_async_callback(router.close)
        by_queue = [each.address.server for each in router.of_kind(NatsChannel).values()]
        refuse_readable(by_queue, nats_security(settings), insecure=settings.insecure)
        if sources := security.sources():
            stack.callback(asyncio.create_task(keep_fresh(sources)).cancel)
        live = None
        if settings.drift_check:
            live = LiveContracts(services, router.of_kind(GrpcChannel), sent)
            stack.push_async_callback(live.close)
            await live.refuse_drift()
        yield OpenParticipants(where, router, live)


def addresses(definitions: Iterable[Definition], set_here: dict[str, str]) -> dict[str, str]:
    """Where each participant of the sagas is: as set, else as its contract says.

    Raises:
        SettingsError: an address is missing, or is set for a service that no saga uses.
    """
    services = services_of(definitions)
    refuse_unused("PARTICIPANTS", set_here, services)
    found = {name: set_here.get(name) or default_address(service) for name, service in services.items()}
    if missing := sorted(name for name, address in found.items() if not address):
        raise SettingsError(
            f"where is {', '.join(missing)}? Set ORCHESTRATOR_PARTICIPANTS={missing[0]}=host:port, or give its "
            "contract an option (google.api.default_host)"
        )
    return found
