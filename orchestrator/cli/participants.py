"""The participants of some sagas, looked at from here: certificates, health, and whether contracts are the same."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from orchestrator.analysis.plan.sending import sent_by
from orchestrator.bootstrap.channels import channel_kinds, nats_security, security_of
from orchestrator.bootstrap.participants import addresses
from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.live_contracts import LiveContracts
from orchestrator.channels.nats.channel import NatsChannel
from orchestrator.channels.nats.examining import examine_brokers
from orchestrator.channels.router import Router
from orchestrator.connections.examining import judged
from orchestrator.connections.handshake import GRPC_GREETING, HTTP_GREETING, meet
from orchestrator.connections.nats_security import refuse_readable
from orchestrator.contract.addresses import GRPC, HTTPS, NATS, TLS, connected_to, split_scheme
from orchestrator.ports.findings import error, fine, warning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from orchestrator.channels.grpc.credentials import Security
    from orchestrator.channels.grpc.live_contracts import Compared
    from orchestrator.connections.handshake import Met
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.ports.findings import Finding
    from orchestrator.settings import Settings


_GREETINGS: Final = {GRPC: GRPC_GREETING, HTTPS: HTTP_GREETING}


async def examine_participants(
    settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]]
) -> list[Finding]:
    """Ask each participant for its certificate, its health and its contract; one to three findings for each.

    Raises:
        SettingsError: an address is missing or cannot be used.
    """
    services = {name: service for each in definitions for name, service in each.services.items()}
    where = addresses(definitions, settings.participants)
    async with AsyncExitStack() as stack:
        security = security_of(settings, where)
        router = Router(where, channel_kinds(settings, security))
        stack.push_async_callback(router.close)
        live = LiveContracts(services.values(), router.of_kind(GrpcChannel), sent_by(definitions))
        stack.push_async_callback(live.close)
        names = sorted(services)
        health = dict(zip(names, await asyncio.gather(*map(router.is_serving, names)), strict=True))
        compared = await live.compare_all()
        met = dict(zip(names, await asyncio.gather(*(_met(security, where[name]) for name in names)), strict=True))
        by_queue = router.of_kind(NatsChannel)
        found: list[Finding] = await examine_brokers(by_queue, settings.nats_group, settings.nats_monitor)
    for name in names:
        shown = met[name]
        if shown is not None and shown.is_there:
            found.append(_certificate(name, where[name], shown))
        if shown is None or not shown.is_there or not shown.why:
            found.append(_health(name, where[name], health[name]))
        if health[name] is not False:
            found.append(_contract(name, compared[name]))
    return found


@asynccontextmanager
async def channels_over_nats(
    settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]]
) -> AsyncIterator[Mapping[str, NatsChannel]]:
    """The channels over NATS, by the full name of each service that is reached so.

    Raises:
        SettingsError: an address is missing or cannot be used.
    """
    where = addresses(definitions, settings.participants)
    kinds = channel_kinds(settings, security_of(settings, where))
    over = {name: address for name, address in where.items() if split_scheme(address)[0] in (NATS, TLS)}
    router = Router(over, kinds)
    try:
        channels = router.of_kind(NatsChannel)
        servers = [each.address.server for each in channels.values()]
        refuse_readable(servers, nats_security(settings), insecure=settings.insecure)
        yield channels
    finally:
        await router.close()


async def _met(security: Security, address: str) -> Met | None:
    """Who is at an address; ``None`` where there is no TLS, or only that of the system's authorities."""
    scheme, _ = split_scheme(address)
    if security.tls is None or scheme not in _GREETINGS:
        return None
    return await meet(connected_to(address), security.tls, _GREETINGS[scheme])


def _certificate(name: str, address: str, met: Met) -> Finding:
    about = f"certificate {name}"
    if met.why or met.certificate is None:
        return error(about, f"no connection is made to {address}: {met.why}", "see the chapter TLS of the README")
    return judged(about, met.certificate, datetime.now(UTC))


def _health(name: str, address: str, serves: bool | None) -> Finding:
    about = f"participant {name}"
    if serves is False:
        advice = "start it, or say where it is with ORCHESTRATOR_PARTICIPANTS; its sagas wait for it"
        return error(about, f"nobody serves it at {address}", advice)
    return fine(about, f"{address} {'serves it' if serves else 'answers, and tells no health of it'}")


def _contract(name: str, compared: Compared) -> Finding:
    about = f"contract {name}"
    if compared.drift.errors:
        what = "; ".join(map(str, compared.drift.errors))
        return error(about, what, "deploy one contract on both sides; an orchestrator does not start with this")
    if compared.drift.warnings:
        what = "; ".join(map(str, compared.drift.warnings))
        return warning(about, what, "deploy one contract on both sides; nothing breaks until then")
    return fine(about, f"not compared: {compared.why}" if compared.why else "the same there as here")
