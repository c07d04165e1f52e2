"""The doors of one replica: its API, and its console where the settings want one.

Both lead to one application: what its servicers have at hand, its pages have, too.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from orchestrator.access.facades import Facades, narrowed
from orchestrator.access.figures import refuse_figures
from orchestrator.access.opening import AccessSettings, open_authentication, refuse_exposed
from orchestrator.access.signed_tokens import TokenRules
from orchestrator.access.subject import roles_named
from orchestrator.api.admission import Admission, StartLimits
from orchestrator.api.application import Application
from orchestrator.api.feed import SagaFeed
from orchestrator.api.load import ThreadLoad
from orchestrator.api.server import ApiServer
from orchestrator.api.services.access import AccessService
from orchestrator.api.services.bulk import BulkActService
from orchestrator.api.services.definition import DefinitionService
from orchestrator.api.services.event import EventService
from orchestrator.api.services.figures import FiguresService
from orchestrator.api.services.saga import SagaService
from orchestrator.api.services.schedule import ScheduleService
from orchestrator.api.starts import Starts
from orchestrator.connections.tls import open_server_tls
from orchestrator.errors import DefinitionError, SettingsError
from orchestrator.observability import Door, ServerFiles
from orchestrator.participant.security.exposure import is_exposed
from saga.v1.access_service_pb2_grpc import add_AccessServiceServicer_to_server
from saga.v1.bulk_service_pb2_grpc import add_BulkActServiceServicer_to_server
from saga.v1.definition_service_pb2_grpc import add_DefinitionServiceServicer_to_server
from saga.v1.event_service_pb2_grpc import add_EventServiceServicer_to_server
from saga.v1.figures_service_pb2_grpc import add_FiguresServiceServicer_to_server
from saga.v1.saga_service_pb2_grpc import add_SagaServiceServicer_to_server
from saga.v1.schedule_service_pb2_grpc import add_ScheduleServiceServicer_to_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import grpc.aio

    from orchestrator.access.authentication import Authentication
    from orchestrator.api.application import Servicers
    from orchestrator.channels.grpc.channel import GrpcChannel
    from orchestrator.console.application_pages import Pages
    from orchestrator.console.server import ConsoleServer
    from orchestrator.participant.security.tls import ServerTls
    from orchestrator.ports.clock import Clock
    from orchestrator.settings import Settings

_log = logging.getLogger("orchestrator")

OWN_SERVICES: Final = (
    "saga.v1.AccessService",
    "saga.v1.BulkActService",
    "saga.v1.DefinitionService",
    "saga.v1.EventService",
    "saga.v1.FiguresService",
    "saga.v1.SagaService",
    "saga.v1.ScheduleService",
)
"""What every orchestrator serves; an application adds its own."""


class DoorSecurity:
    """What is known of the doors before there is an engine behind them: who is let in, and over which connections.

    Args:
        settings: of this process.
        now: the time, nanoseconds since the epoch, UTC.

    Raises:
        SettingsError: a file cannot be read, or a network would reach a door that must not be open to it.
    """

    def __init__(self, settings: Settings, now: Callable[[], int]) -> None:
        callers = access_settings(settings)
        self.tls: ServerTls | None = open_server_tls(settings.tls_certificate, settings.tls_key, settings.tls_ca)
        doors = {"ORCHESTRATOR_LISTEN": settings.listen, "ORCHESTRATOR_CONSOLE_LISTEN": settings.console_listen}
        for variable, listen in doors.items():
            if listen:
                encrypted, insecure = self.tls is not None, settings.insecure
                refuse_exposed(listen, callers, encrypted=encrypted, insecure=insecure, variable=variable)
        self.authentication = open_authentication(callers, now)


class Doors:
    """The API and the console of one replica, which answer from :meth:`start` on.

    Args:
        api: the API.
        console: the console, where there is one.
    """

    def __init__(self, api: ApiServer, console: ConsoleServer | None) -> None:
        self._api = api
        self._console = console

    @classmethod
    def made(
        cls,
        security: DoorSecurity,
        settings: Settings,
        application: Application,
        engine: Facades,
        pages: Sequence[Pages],
        *,
        shared: bool,
    ) -> Self:
        """Doors before an application, which are closed yet.

        Args:
            security: who is let in.
            settings: of this process.
            application: see :func:`application_of`.
            engine: as the present caller may see it.
            pages: of the application.
            shared: other processes listen on the same ports.

        Raises:
            SettingsError: an address or a file cannot be used.
            DefinitionError: a contract or a page does not say who may use it.
        """
        api = ApiServer(
            settings.listen,
            application.services,
            security.authentication,
            application.clock,
            settings.most_message_bytes,
            shared=shared,
            tls=security.tls,
        )
        return cls(api, _console(settings, application, engine, security.authentication, pages, shared=shared))

    @property
    def addresses(self) -> dict[str, str | None]:
        """Where the API and the console answer, once they do; ``None`` for a console that there is not."""
        return {"api": self._api.address, "console": None if self._console is None else self._console.address}

    async def start(self) -> None:
        """Answer from now on."""
        await self._api.start()
        _log.info("orchestrator listening on %s", self._api.address)
        if self._console is not None:
            await self._console.start()
            _log.info("console listening on %s", self._console.address)

    def be_ready(self, is_ready: bool) -> None:
        """Say of the API's health whether it can do what it is asked for."""
        self._api.be_ready(is_ready)

    async def drain(self, grace: float) -> None:
        """Take no new calls; end streams, and let what is in flight finish for up to ``grace`` seconds."""
        draining = [] if self._console is None else [self._console.drain(grace)]
        await asyncio.gather(self._api.drain(grace), *draining)


def application_of(
    engine: Facades,
    over_grpc: Mapping[str, GrpcChannel],
    servicers: Iterable[Servicers],
    clock: Clock,
    settings: Settings,
) -> tuple[Application, Facades]:
    """What servicers and pages have at hand, with every servicer registered; and the engine as callers see it.

    Args:
        engine: itself.
        over_grpc: the channels to participants, by the full names of their services.
        servicers: of the application.
        clock: the time.
        settings: of this process.
    """
    seen = narrowed(engine)
    limits = StartLimits(settings.most_starts_in_flight, settings.most_starts_queued)
    starts = Starts(seen.sagas, Admission(limits, ThreadLoad()))
    application = Application(seen.sagas, starts, clock, partial(channel_to, over_grpc))
    service = SagaService(seen.sagas, starts, SagaFeed(engine.sagas, clock, settings.most_watchers), clock)
    application.add("saga.v1.SagaService", add_SagaServiceServicer_to_server, service)
    schedules = ScheduleService(seen.schedules, seen.sagas)
    application.add("saga.v1.ScheduleService", add_ScheduleServiceServicer_to_server, schedules)
    bulk = BulkActService(seen.bulk, seen.sagas)
    application.add("saga.v1.BulkActService", add_BulkActServiceServicer_to_server, bulk)
    figures = FiguresService(seen.sagas, clock, seen.dead_commands)
    application.add("saga.v1.FiguresService", add_FiguresServiceServicer_to_server, figures)
    application.add("saga.v1.EventService", add_EventServiceServicer_to_server, EventService(seen.events))
    application.add("saga.v1.AccessService", add_AccessServiceServicer_to_server, AccessService())
    definitions = DefinitionService(seen.sagas)
    application.add("saga.v1.DefinitionService", add_DefinitionServiceServicer_to_server, definitions)
    for each in servicers:
        each.register(application)
    return application, seen


def access_settings(settings: Settings) -> AccessSettings:
    """How callers are known."""
    rules = TokenRules(
        settings.jwt_issuer,
        settings.jwt_audience,
        settings.jwt_leeway_seconds,
        settings.jwt_roles,
        {theirs: next(iter(roles_named([ours]))) for theirs, ours in settings.jwt_role_names.items()},
        settings.jwt_definitions,
        settings.jwt_attributes,
    )
    return AccessSettings(settings.state_dir, settings.subjects, settings.jwt_keys, rules)


def metrics_door(settings: Settings, security: DoorSecurity | None) -> Door | None:
    """Where metrics are served; ``None`` for nowhere.

    Args:
        settings: of this process.
        security: tells who asks; ``None`` where only this machine can.

    Raises:
        SettingsError: a network could read them there, without TLS or by anybody.
    """
    if not settings.metrics_listen:
        return None
    tls = None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        tls = ServerFiles(settings.tls_certificate, settings.tls_key, settings.tls_ca)
    refuse_exposed(
        settings.metrics_listen,
        access_settings(settings),
        encrypted=tls is not None,
        insecure=settings.insecure,
        variable="ORCHESTRATOR_METRICS_LISTEN",
    )
    if not is_exposed(settings.metrics_listen):
        return Door(settings.metrics_listen, tls)
    if security is None:
        raise SettingsError("ORCHESTRATOR_METRICS_LISTEN: nobody is known here; listen on 127.0.0.1")
    return Door(settings.metrics_listen, tls, partial(refuse_figures, security.authentication))


def channel_to(over_grpc: Mapping[str, GrpcChannel], service: str) -> grpc.aio.Channel:
    """The channel to a participant as it is now.

    Raises:
        DefinitionError: no saga that is served uses this service over gRPC.
    """
    if service not in over_grpc:
        known = ", ".join(sorted(over_grpc))
        raise DefinitionError(f"no saga that is served reaches {service} over gRPC; those that are reached: {known}")
    return over_grpc[service].current


def _console(
    settings: Settings,
    application: Application,
    engine: Facades,
    authentication: Authentication,
    pages: Sequence[Pages],
    *,
    shared: bool,
) -> ConsoleServer | None:
    if not settings.console_listen:
        return None
    # Imported here, so that a replica without a console imports no web server, and nothing that only HTTP needs.
    from orchestrator.api.over_http.door import HttpApi  # noqa: PLC0415
    from orchestrator.console.opening import ConsoleSettings, open_console  # noqa: PLC0415

    api = HttpApi(
        application.services,
        authentication,
        application.clock,
        settings.most_message_bytes,
        partial(_description, tuple(application.services)),
    )

    wanted = ConsoleSettings(
        settings.console_listen,
        shared,
        settings.trace_url,
        settings.most_watchers,
        settings.tls_certificate,
        settings.tls_key,
        settings.tls_ca,
    )
    return open_console(wanted, application, engine, authentication, pages, api)


def _description(services: Iterable[str]) -> bytes:
    """What is answered over HTTP, described; only an orchestrator that is asked for it pays for it."""
    from orchestrator.api.openapi.document import description  # noqa: PLC0415

    return description(services)
