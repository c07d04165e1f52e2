"""The engine on a Temporal cluster, put together; its client is imported here, and only where it is chosen."""

from __future__ import annotations

import importlib
import os
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from orchestrator.access.facades import Facades
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.bootstrap.participants import addresses, open_participants
from orchestrator.bootstrap.relays import sinks_of
from orchestrator.bootstrap.served import refuse_violations
from orchestrator.channels.nats.channel import NatsChannel
from orchestrator.channels.nats.dead_letters import NatsDeadCommands
from orchestrator.contract.addresses import NATS, TLS, split_scheme
from orchestrator.doors import metrics_door
from orchestrator.errors import SettingsError
from orchestrator.events.shared_sink import SharedSink
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.observability import open_observability

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from orchestrator.bootstrap.served import Definition
    from orchestrator.channels.router import Router
    from orchestrator.doors import DoorSecurity
    from orchestrator.settings import Settings

_QUEUES: Final = frozenset({NATS, TLS})


def temporal_engine(module: str) -> Any:  # noqa: ANN401 - one of its modules
    """A module of the engine on Temporal. It is imported here, and not before: no other engine needs that client.

    Raises:
        SettingsError: the client of Temporal is not installed.
    """
    try:
        return importlib.import_module(f"orchestrator.engine.temporal.{module}")
    except ModuleNotFoundError as error:
        if error.name != "temporalio":
            raise
        raise SettingsError('ORCHESTRATOR_ENGINE: install the extra "temporal" of saga-orchestrator') from None


async def connect_temporal(settings: Settings) -> Any:  # noqa: ANN401 - a client of what may not be installed
    """The client of the cluster that the settings name.

    Raises:
        SettingsError: it cannot be used, as it is set.
        JournalUnavailable: it cannot be reached.
    """
    return await temporal_engine("cluster.connecting").connect(
        settings.engine, cluster_files(settings), insecure=settings.insecure
    )


def cluster_files(settings: Settings) -> Any:  # noqa: ANN401 - likewise
    """The files of the connection to it."""
    return temporal_engine("cluster.connecting").ClusterFiles(
        settings.engine_tls_ca, settings.engine_tls_certificate, settings.engine_tls_key, settings.engine_token
    )


@asynccontextmanager
async def on_temporal(
    settings: Settings, definitions: Sequence[Definition], entry: DoorSecurity, failed: Callable[[], object]
) -> AsyncIterator[tuple[Facades, Router]]:
    """The engine on a Temporal cluster, its workers in this process, and the way to its participants.

    Args:
        settings: of this process.
        definitions: the sagas that it runs.
        entry: the security of its doors.
        failed: called where a worker has failed: the process is to end, and to be started again.

    Raises:
        SettingsError: a setting cannot work, or the cluster is not prepared.
        DefinitionError: a contract or a saga breaks a rule; the message names every violation.
        JournalUnavailable: the cluster cannot be reached.
    """
    absent, opening, schedules, bulk = map(temporal_engine, ("absent", "opening", "schedules.kept", "bulk.control"))
    refuse_violations(definitions)
    _refuse_queues(addresses(definitions, settings.participants))
    async with AsyncExitStack() as stack:
        participants = await stack.enter_async_context(open_participants(settings, definitions))
        clock, router = SystemClock(), participants.router
        observer = open_observability(os.environ, participants.where, metrics_door(settings, entry))
        stack.push_async_callback(observer.close)
        client = await _prepared_cluster(settings)
        options = opening.WorkerOptions(
            most_in_flight=settings.most_in_flight, grace=settings.drain_seconds, four_eyes=FourEyes(settings.four_eyes)
        )
        sinks = [SharedSink(sink, clock) for sink in sinks_of(settings)]
        for sink in sinks:
            stack.push_async_callback(sink.close)
        sagas = await stack.enter_async_context(
            opening.opened(client, definitions, router, observer, clock, options, failed, sinks)
        )
        observer.measure(absent.ProcessReadings(sagas, clock))
        kept, dead_commands = schedules.schedules_on(client, clock), NatsDeadCommands(router.of_kind(NatsChannel))
        yield Facades(sagas, kept, bulk.bulk_acts_on(client, clock), absent.NoEvents(), dead_commands), router


def _refuse_queues(where: Mapping[str, str]) -> None:
    """Refuse participants behind queues: on Temporal, nobody takes their answers along through hours.

    Raises:
        SettingsError: there is one.
    """
    by_queue = [f"{service}={address}" for service, address in where.items() if split_scheme(address)[0] in _QUEUES]
    if by_queue:
        raise SettingsError(
            f"ORCHESTRATOR_PARTICIPANTS: {by_queue[0]} is a queue, and sagas on Temporal send no commands over queues; "
            "give the participant an address of gRPC or HTTP, or serve its sagas without ORCHESTRATOR_ENGINE"
        )


async def _prepared_cluster(settings: Settings) -> Any:  # noqa: ANN401 - a client, likewise
    """The client of a cluster that has what the engine needs there."""
    client = await connect_temporal(settings)
    if missing := (await temporal_engine("cluster.preparing").readiness(client)).missing:
        raise SettingsError(f"ORCHESTRATOR_ENGINE: {', '.join(missing)} is missing; run: orchestrator engine prepare")
    return client
