"""The composition root: here, and nowhere else, adapters meet ports."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import random
import signal
import socket
import time
import uuid
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from orchestrator.access.facades import Facades
from orchestrator.analysis.plan.sending import sent_by
from orchestrator.analysis.rules import check_definition
from orchestrator.api.load import ThreadLoad
from orchestrator.api.validation import refuse_invalid
from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.live_contracts import LiveContracts
from orchestrator.channels.grpc.replaceable_channel import ChannelSettings
from orchestrator.channels.grpc.securing import SecurityFiles, open_security
from orchestrator.channels.http.channel import HttpChannel
from orchestrator.channels.http.settings import HttpSettings
from orchestrator.channels.nats.answers import NatsAnswers
from orchestrator.channels.nats.channel import NatsChannel, NatsConnections, NatsSettings
from orchestrator.channels.nats.dead_letters import NatsDeadCommands
from orchestrator.channels.router import Router
from orchestrator.connections.nats_security import NatsFiles, NatsSecurity, refuse_readable
from orchestrator.connections.tls import keep_fresh
from orchestrator.contract.addresses import GRPC, HTTP, HTTPS, NATS, TLS, default_address
from orchestrator.contract.rules.http import check_mapped
from orchestrator.doors import Doors, DoorSecurity, application_of, metrics_door
from orchestrator.engine.replica.assemble import assemble
from orchestrator.engine.replica.figures import FigurePasses
from orchestrator.engine.replica.limits import Limits
from orchestrator.engine.replica.republish import Republishing
from orchestrator.engine.replica.retention import RetentionPasses
from orchestrator.engine.replica.watchdog import Watchdog
from orchestrator.engine.run import failpoints
from orchestrator.engine.starting import start_request
from orchestrator.errors import DefinitionError, JournalUnavailable, SagaNotCompleted, SettingsError
from orchestrator.events.opening import SinkFiles, open_sinks
from orchestrator.events.relays import Relays
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.observability import ClosableObserver, open_observability
from orchestrator.ports.adapters import Adapters
from orchestrator.store.archive import FolderArchive
from orchestrator.store.opening import frozen_note, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.api.application import Servicers
    from orchestrator.channels.grpc.credentials import Security
    from orchestrator.console.application_pages import Pages
    from orchestrator.definition.saga import Input, Result, SagaDefinition
    from orchestrator.engine.replica.replica import Replica
    from orchestrator.ports.channel import Channel
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.queued import Answers
    from orchestrator.settings import Settings

    Definition = SagaDefinition[Any, Any, Any]

_log = logging.getLogger("orchestrator")

_WAIT: Final = timedelta(minutes=5)
_YOUNG_OBJECTS: Final = 50_000
_DAY_SECONDS: Final = 86_400.0


class SystemClock:
    """Time as the machine tells it."""

    now = staticmethod(time.time_ns)  # itself, and not called from here: a saga asks a dozen times
    elapsed = staticmethod(time.monotonic_ns)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call ``callback`` after so many seconds."""
        return asyncio.get_running_loop().call_later(seconds, callback)


@dataclass(frozen=True, slots=True)
class OpenedReplica:
    """One replica without an API: for a process that runs sagas of its own. Made by :func:`opened`.

    Attributes:
        sagas: the engine.
        participants: the way to the participants.
    """

    sagas: Replica
    participants: Router

    @property
    def recovered(self) -> int:
        """How many sagas it has taken over so far."""
        return self.sagas.recovery().recovered

    async def run(
        self,
        definition: SagaDefinition[Input, Any, Result],
        saga_input: Input,
        *,
        request_id: str = "",
        traceparent: str = "",
        wait: timedelta = _WAIT,
    ) -> Result:
        """Run a saga to its end.

        Args:
            definition: one of those that the replica was opened with.
            saga_input: the saga's input.
            request_id: makes repeating this call safe: the same id finds the same saga.
            traceparent: the W3C trace context of the caller, or empty.
            wait: how long to wait for the end.

        Raises:
            InvalidInput: the input breaks its contract.
            SagaNotCompleted: it was rolled back, is suspended, or still runs.
            SagaExists: the request id was used before, with another input.
            JournalUnavailable: it is not started.
        """
        served = self.sagas.find(definition.name, definition.version)
        if served is None:
            raise DefinitionError(f"this replica was not opened with {definition}")
        refuse_invalid(saga_input)
        request = start_request(served, saga_input, request_id, traceparent)
        state = await self.sagas.start(request, wait.total_seconds())
        if state.result is None:
            assert state.status is not None
            reason = state.reason.message if state.reason else ""
            raise SagaNotCompleted(state.saga_id, state.status.name.lower(), reason)
        return definition.result.FromString(state.result)


@asynccontextmanager
async def opened(settings: Settings, definitions: Sequence[Definition]) -> AsyncIterator[OpenedReplica]:
    """A replica that runs these sagas until the block is left, and has recovered what no replica advances.

    Raises:
        SettingsError: a setting cannot work.
        DefinitionError: a contract or a saga breaks a rule; the message names every violation.
        JournalUnavailable: the journal cannot be opened.
    """
    async with _assembled(settings, definitions) as replica:
        await replica.sagas.worker.open()
        yield replica


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
    return await temporal_engine("connecting").connect(
        settings.engine, cluster_files(settings), insecure=settings.insecure
    )


def cluster_files(settings: Settings) -> Any:  # noqa: ANN401 - likewise
    """The files of the connection to it."""
    return temporal_engine("connecting").ClusterFiles(
        settings.engine_tls_ca, settings.engine_tls_certificate, settings.engine_tls_key, settings.engine_token
    )


@asynccontextmanager
async def _on_temporal(
    settings: Settings, definitions: Sequence[Definition], entry: DoorSecurity, failed: Callable[[], object]
) -> AsyncIterator[tuple[Facades, Router]]:
    """The engine on a Temporal cluster, and its workers in this process; raises what :func:`opened` does.

    Args:
        settings: of this process.
        definitions: the sagas that it runs.
        entry: the security of its doors.
        failed: called where a worker has failed: the process is to end, and to be started again.
    """
    absent, opening, preparing, schedules = map(temporal_engine, ("absent", "opening", "preparing", "schedules"))
    _refuse_violations(definitions)
    async with AsyncExitStack() as stack:
        where = addresses(definitions, settings.participants)
        security = security_of(settings, where)
        participants = Router(where, channel_kinds(settings, security))
        stack.push_async_callback(participants.close)
        if sources := security.sources():
            stack.callback(asyncio.create_task(keep_fresh(sources)).cancel)
        if settings.drift_check:
            services, over_grpc = _services_of(definitions).values(), participants.of_kind(GrpcChannel)
            live = LiveContracts(services, over_grpc, sent_by(definitions))
            stack.push_async_callback(live.close)
            await live.refuse_drift()
        clock = SystemClock()
        observer = open_observability(os.environ, where, metrics_door(settings, entry))
        stack.push_async_callback(observer.close)
        client = await connect_temporal(settings)
        if missing := (await preparing.readiness(client)).missing:
            raise SettingsError(
                f"ORCHESTRATOR_ENGINE: {', '.join(missing)} is missing; run: orchestrator engine prepare"
            )
        options = opening.WorkerOptions(
            most_in_flight=settings.most_in_flight, grace=settings.drain_seconds, four_eyes=FourEyes(settings.four_eyes)
        )
        sagas = await stack.enter_async_context(
            opening.opened(client, definitions, participants, observer, clock, options, failed)
        )
        observer.measure(absent.ProcessReadings(sagas, clock))
        dead_commands = NatsDeadCommands(participants.of_kind(NatsChannel))
        kept = schedules.schedules_on(client, clock)
        yield Facades(sagas, kept, absent.NoBulkActs(), absent.NoEvents(), dead_commands), participants


@asynccontextmanager
async def _assembled(
    settings: Settings, definitions: Sequence[Definition], entry: DoorSecurity | None = None
) -> AsyncIterator[OpenedReplica]:
    """A replica that has recovered nothing yet; raises what :func:`opened` does.

    Args:
        settings: of this process.
        definitions: the sagas that it runs.
        entry: the security of the door to its metrics; ``None`` where it opens no other one.
    """
    _refuse_violations(definitions)
    async with AsyncExitStack() as stack:
        where = addresses(definitions, settings.participants)
        _refuse_unmapped(definitions, where)
        security = security_of(settings, where)
        clock, owner = SystemClock(), _owner()
        participants = Router(where, channel_kinds(settings, security, owner))
        stack.push_async_callback(participants.close)
        by_queue = participants.of_kind(NatsChannel).values()
        refuse_readable([each.address.server for each in by_queue], nats_security(settings), insecure=settings.insecure)
        if sources := security.sources():
            stack.callback(asyncio.create_task(keep_fresh(sources)).cancel)
        services, over_grpc = _services_of(definitions).values(), participants.of_kind(GrpcChannel)
        live = LiveContracts(services, over_grpc, sent_by(definitions))
        stack.push_async_callback(live.close)
        if settings.drift_check:
            await live.refuse_drift()
        observer = open_observability(os.environ, where, metrics_door(settings, entry))
        stack.push_async_callback(observer.close)
        journal = await open_store(settings.journal, clock.now, settings.journal_listen, observer.committed)
        stack.push_async_callback(journal.close)
        republishing = Republishing(journal, observer, clock, owner=owner, lease=settings.lease_seconds)
        # After the sagas are stopped, and before the journal is closed: only what has arrived need not be told again.
        stack.push_async_callback(_pass_on, observer, republishing)
        replica = assemble(
            definitions,
            Adapters(journal, participants, observer, clock, random.random, _answers(stack, participants, settings)),
            owner=owner,
            lease=settings.lease_seconds,
            limits=_limits(settings, definitions),
            four_eyes=FourEyes(settings.four_eyes),
            tells_life=bool(settings.events_sinks),
        )
        worker = replica.worker
        relays = _relays(settings, journal, clock, owner)
        worker.on_told = relays.wake if relays.each else None
        relays.open()
        # After the sagas are stopped: what they tell last is told, too.
        stack.push_async_callback(relays.close, settings.drain_seconds)
        observer.measure(replica.readings)
        if settings.drift_check:
            for service, breaker in worker.bindings.breakers.items():
                breaker.on_return = partial(live.compare_again, service)
        await republishing.open()
        worker.note = frozen_note(settings.journal)
        archive = None if settings.retention_archive is None else FolderArchive(settings.retention_archive)
        worker.beside.append(FigurePasses(journal, clock))
        worker.beside.append(RetentionPasses(journal, clock, settings.retention_rules, archive))
        worker.recovery.timers.load = ThreadLoad()
        stack.push_async_callback(worker.close, settings.drain_seconds)
        yield OpenedReplica(replica, participants)


class Parent(Protocol):
    """The process that has started this one, and others on the same port."""

    def watch(self, gone: Callable[[], object]) -> None:
        """Call this once when the parent has ended."""

    def tell_listening(self) -> None:
        """Tell the parent that this replica takes calls."""


async def serve(
    settings: Settings,
    definitions: Sequence[Definition],
    servicers: Sequence[Servicers] = (),
    parent: Parent | None = None,
    pages: Sequence[Pages] = (),
    listening: Callable[[Mapping[str, str | None]], object] = lambda _: None,
) -> None:
    """Run one replica with its API and its console until SIGTERM or SIGINT, then drain it.

    It serves, new sagas too, while what an earlier process has left is still being recovered: a new saga waits for
    none of the old ones, and a repeated start finds in the journal what it started. Only an operator's act on a saga
    that is yet to be recovered is told to come again.

    Args:
        settings: of this process.
        definitions: the sagas that it runs.
        servicers: what registers the servicers of the application.
        parent: the process whose port it shares with others, and which it does not outlive; ``None`` for a replica
            that is alone on its port.
        pages: what makes the pages of the application.
        listening: called once calls are taken, with where; see :attr:`Doors.addresses`.

    Raises:
        SettingsError: a setting cannot work; and what else :func:`opened` raises.
    """
    _arm_failpoints(settings.failpoints)
    entry = DoorSecurity(settings, SystemClock.now)
    look_for_cycles_seldom()
    stopping = asyncio.Event()
    watchdog = Watchdog(
        asyncio.get_running_loop(),
        stopping.set,
        patience=settings.stall_seconds,
        grace=settings.drain_seconds,
        note=frozen_note(settings.journal),
    )
    if parent is not None:
        parent.watch(stopping.set)
    if settings.engine:
        await _serve_on_temporal(settings, definitions, servicers, parent, pages, listening, entry, stopping)
        return
    with watchdog:
        async with _assembled(settings, definitions, entry) as replica:
            sagas, over_grpc = replica.sagas, replica.participants.of_kind(GrpcChannel)
            dead_commands = NatsDeadCommands(replica.participants.of_kind(NatsChannel))
            engine = Facades(sagas, sagas.schedules, sagas.bulk, sagas.worker.adapters.journal, dead_commands)
            application, seen = application_of(engine, over_grpc, servicers, SystemClock(), settings)
            doors = Doors.made(entry, settings, application, seen, pages, shared=parent is not None)
            if parent is not None:
                listening = _both(parent.tell_listening, listening)
            await _serve(doors, settings, definitions, replica, stopping, listening)


async def _serve_on_temporal(
    settings: Settings,
    definitions: Sequence[Definition],
    servicers: Sequence[Servicers],
    parent: Parent | None,
    pages: Sequence[Pages],
    listening: Callable[[Mapping[str, str | None]], object],
    entry: DoorSecurity,
    stopping: asyncio.Event,
) -> None:
    """The same with the sagas on a Temporal cluster: what dies with this process is its attempts, and no saga.

    Raises:
        JournalUnavailable: a worker has failed, so the process is to be started again.
    """
    has_failed = False

    def fail() -> None:
        nonlocal has_failed
        has_failed = True
        stopping.set()

    async with _on_temporal(settings, definitions, entry, fail) as (engine, participants):
        over_grpc = participants.of_kind(GrpcChannel)
        application, seen = application_of(engine, over_grpc, servicers, SystemClock(), settings)
        doors = Doors.made(entry, settings, application, seen, pages, shared=parent is not None)
        doors.be_ready(is_ready=True)
        await doors.start()
        _log.info("serving %s on %s", ", ".join(map(str, definitions)), settings.engine)
        (listening if parent is None else _both(parent.tell_listening, listening))(doors.addresses)
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stopping.set)
        await stopping.wait()
        _log.info("orchestrator draining")
        await doors.drain(settings.drain_seconds)
    if has_failed:
        raise JournalUnavailable("a worker of Temporal has failed; the log tells why")


def _both(
    tell: Callable[[], object], listening: Callable[[Mapping[str, str | None]], object]
) -> Callable[[Mapping[str, str | None]], None]:
    """What tells the parent first, and then all others who listen."""

    def told(addresses: Mapping[str, str | None]) -> None:
        tell()
        listening(addresses)

    return told


def look_for_cycles_seldom() -> None:
    """Have Python look for reference cycles after 50,000 new objects, and not after 700 as it does by itself.

    Sagas leave no cycles. But hundreds in flight are so many objects that each look finds them alive, and was a tenth
    of what a saga costs this process. It is for the process to say, so :func:`opened` leaves that to its caller.
    """
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])


async def _serve(
    doors: Doors,
    settings: Settings,
    definitions: Sequence[Definition],
    replica: OpenedReplica,
    stopping: asyncio.Event,
    listening: Callable[[Mapping[str, str | None]], object],
) -> None:
    worker = replica.sagas.worker
    await worker.begin()
    worker.recovery.reached = doors.be_ready
    await doors.start()
    _log.info("serving %s", ", ".join(map(str, definitions)))
    listening(doors.addresses)
    await stopping.wait()
    _log.info("orchestrator draining")
    await doors.drain(settings.drain_seconds)


def _refuse_violations(definitions: Iterable[Definition]) -> None:
    violations = [str(violation) for definition in definitions for violation in check_definition(definition)]
    if violations:
        raise DefinitionError("\n".join(["not served, because of:", *dict.fromkeys(violations)]))


def _refuse_unmapped(definitions: Sequence[Definition], where: Mapping[str, str]) -> None:
    """Refuse participants over HTTP whose contracts do not say how a command is called there."""
    violations = check_mapped(_services_of(definitions).values(), where, sent_by(definitions))
    if violations:
        raise DefinitionError("\n".join(["not served, because of:", *map(str, violations)]))


def _services_of(definitions: Iterable[Definition]) -> dict[str, ServiceDescriptor]:
    """The services that the sagas call, or that compensate for them, by their full names."""
    return {name: service for definition in definitions for name, service in definition.services.items()}


def addresses(definitions: Iterable[Definition], set_here: dict[str, str]) -> dict[str, str]:
    """Where each participant of the sagas is: as set, else as its contract says.

    Raises:
        SettingsError: an address is missing, or is set for a service that no saga uses.
    """
    services = _services_of(definitions)
    _refuse_unused("PARTICIPANTS", set_here, services)
    found = {name: set_here.get(name) or default_address(service) for name, service in services.items()}
    if missing := sorted(name for name, address in found.items() if not address):
        raise SettingsError(
            f"where is {', '.join(missing)}? Set ORCHESTRATOR_PARTICIPANTS={missing[0]}=host:port, or give its "
            "contract an option (google.api.default_host)"
        )
    return found


def _limits(settings: Settings, definitions: Iterable[Definition]) -> Limits:
    """How much is done at once.

    Raises:
        SettingsError: a limit is set for what no saga uses.
    """
    definitions = list(definitions)
    names = {definition.name for definition in definitions}
    _refuse_unused("RATES", settings.rates, _services_of(definitions))
    _refuse_unused("MOST_LIVE_BY_DEFINITION", settings.most_live_by_definition, names)
    _refuse_unused("MOST_QUEUED_BY_DEFINITION", settings.most_queued_by_definition, names)
    _refuse_unused("WEIGHTS", settings.weights, names)
    return Limits(
        in_flight=settings.most_in_flight,
        rates=settings.rates,
        live=settings.most_live_sagas,
        live_by_definition=settings.most_live_by_definition,
        queued=settings.most_queued_sagas,
        queued_by_definition=settings.most_queued_by_definition,
        weights=settings.weights,
    )


def _refuse_unused(variable: str, set_here: Iterable[str], known: Iterable[str]) -> None:
    if unused := sorted(set(set_here) - set(known)):
        there_are = ", ".join(sorted(known))
        told = f"no saga that is served is or uses {', '.join(unused)}; there are: {there_are}"
        raise SettingsError(f"ORCHESTRATOR_{variable}: {told}")


def security_of(settings: Settings, where: Mapping[str, str]) -> Security:
    """What the connections to participants at these addresses are secured with.

    Raises:
        SettingsError: see :func:`orchestrator.channels.grpc.securing.open_security`.
    """
    files = SecurityFiles(
        settings.participant_tls_ca,
        settings.participant_tls_certificate,
        settings.participant_tls_key,
        settings.participant_tls_names,
        settings.participant_tokens,
    )
    return open_security(files, where, insecure=settings.insecure)


def channel_kinds(
    settings: Settings, security: Security, replica: str = "nobody"
) -> dict[str, Callable[[str], Channel]]:
    """What opens a channel to a participant, by the scheme of its address; a replica is answered by its name.

    Raises:
        SettingsError: a file cannot be used.
    """
    over_nats = NatsSettings(
        nats_security(settings),
        replica,
        settings.nats_group,
        settings.nats_queue_seconds,
        settings.most_message_bytes,
        security.tokens,
    )
    connections = NatsConnections(over_nats.security)
    over_http = HttpSettings(settings.most_message_bytes, settings.http_idle_seconds, security.tls, security.tokens)
    return {
        GRPC: partial(GrpcChannel, settings=channel_settings(settings, security)),
        HTTP: partial(HttpChannel, HTTP, settings=over_http),
        HTTPS: partial(HttpChannel, HTTPS, settings=over_http),
        NATS: partial(NatsChannel, NATS, settings=over_nats, connections=connections),
        TLS: partial(NatsChannel, TLS, settings=over_nats, connections=connections),
    }


def nats_security(settings: Settings) -> NatsSecurity:
    """What connections to NATS are secured with.

    Raises:
        SettingsError: a file cannot be used.
    """
    files = NatsFiles(settings.nats_ca, settings.nats_certificate, settings.nats_key, settings.nats_login)
    return NatsSecurity(files)


def _answers(stack: AsyncExitStack, participants: Router, settings: Settings) -> Answers | None:
    """What tells of answers that come by a queue; ``None`` where no participant is reached over one."""
    by_queue = participants.of_kind(NatsChannel)
    if not by_queue:
        return None
    answers = NatsAnswers(by_queue.values(), settings.nats_group)
    stack.callback(answers.close)
    return answers


def channel_settings(settings: Settings, security: Security) -> ChannelSettings:
    """How participants are reached over gRPC."""
    return ChannelSettings(settings.most_message_bytes, settings.keepalive_seconds, security=security)


def _relays(settings: Settings, journal: Journal, clock: Clock, owner: str) -> Relays:
    """What tells the events of the outbox to the sinks.

    Raises:
        SettingsError: a sink cannot be used as it is set.
    """
    files = SinkFiles(settings.events_secrets, settings.events_tls_ca)
    sinks = open_sinks(settings.events_sinks, files, nats_security(settings), insecure=settings.insecure)
    return Relays(
        journal,
        sinks,
        clock,
        owner=owner,
        lease=settings.lease_seconds,
        give_up_after=settings.events_give_up_seconds,
        keep_for=settings.events_keep_days * _DAY_SECONDS,
    )


async def _pass_on(observer: ClosableObserver, republishing: Republishing) -> None:
    await republishing.close(passed_on=await observer.close())


def _arm_failpoints(wanted: Iterable[str]) -> None:
    for each in wanted:
        name, _, number = each.partition(":")
        try:
            failpoints.arm(name, _kill_at(int(number or 1)))
        except ValueError as error:
            raise SettingsError(f"ORCHESTRATOR_FAILPOINTS: {error}") from None


def _kill_at(number: int) -> Callable[[str], None]:
    reached: Counter[str] = Counter()

    def kill(_key: str) -> None:
        reached["times"] += 1
        if reached["times"] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def _owner() -> str:
    """A name of its own for each process, so that a restarted one is another owner."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
