"""The participants of some sagas, looked at from here: whether they serve, and whether contracts are the same."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.plan.sending import sent_by
from orchestrator.bootstrap import addresses, channel_kinds, security_of
from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.live_contracts import LiveContracts
from orchestrator.channels.router import Router
from orchestrator.ports.findings import error, fine, warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.channels.grpc.live_contracts import Compared
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.ports.findings import Finding
    from orchestrator.settings import Settings


async def examine_participants(
    settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]]
) -> list[Finding]:
    """Ask each participant for its health and its contract; one or two findings for each.

    Raises:
        SettingsError: an address is missing or cannot be used.
    """
    services = {name: service for each in definitions for name, service in each.services.items()}
    where = addresses(definitions, settings.participants)
    async with AsyncExitStack() as stack:
        router = Router(where, channel_kinds(settings, security_of(settings, where)))
        stack.push_async_callback(router.close)
        live = LiveContracts(services.values(), router.of_kind(GrpcChannel), sent_by(definitions))
        stack.push_async_callback(live.close)
        names = sorted(services)
        health = dict(zip(names, await asyncio.gather(*map(router.is_serving, names)), strict=True))
        compared = await live.compare_all()
    found: list[Finding] = []
    for name in names:
        found.append(_health(name, where[name], health[name]))
        if health[name] is not False:
            found.append(_contract(name, compared[name]))
    return found


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
