"""Opens what a service needs for its events, as its settings say."""

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from orchestrator.participant.security.exposure import is_exposed
from services.chassis.database import Database
from services.chassis.errors import StartupError
from services.chassis.events.causes import Cause
from services.chassis.events.claims import Claim
from services.chassis.events.handlers import handlers_of
from services.chassis.events.handling import Start, Surroundings
from services.chassis.events.relay import Relay
from services.chassis.events.sagas import saga_starts
from services.chassis.events.traffic import BEGINNING, EventTraffic, moving
from services.chassis.queue_address import QueueAddress
from services.chassis.queue_login import queue_login
from services.chassis.settings import EVENTS_PREFIX, Settings
from services.chassis.spans import Tracing
from services.chassis.timestamps import utc_now


@asynccontextmanager
async def events(
    name: str, settings: Settings, database: Database, servicer: object, *, cause: Cause, tracing: Tracing
) -> AsyncIterator[None]:
    """Relay and hear while the block runs. What is published without a broker waits in the outbox.

    Args:
        name: of the service.
        settings: of the service.
        database: of the service.
        servicer: whose methods hear events.
        cause: for which the service publishes; it learns here whom to wake.
        tracing: where spans go.

    Raises:
        StartupError: events or a token would cross a network in the open.
    """
    if not settings.events:
        yield
        return
    # A service without events needs no client of NATS.
    from services.chassis.events.jetstream import JetStreamBroker  # noqa: PLC0415
    from services.chassis.queue_connection import connected  # noqa: PLC0415

    prefix = f"{name.upper()}_"
    address = QueueAddress.parse(settings.events, EVENTS_PREFIX)
    login = queue_login(address, settings, variable=f"{prefix}EVENTS", prefix=prefix)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(connected(address, login, name=f"{name} (events)"))
        broker = JetStreamBroker(connection, address.subjects.prefix)
        relay = Relay(database, broker)
        cause.wake = relay.wake
        start = await stack.enter_async_context(_starts(settings, prefix))
        around = Surroundings(name, database, Claim(database), cause, tracing, start)
        handlers = handlers_of(servicer)
        since = utc_now() if settings.events_from == "now" else BEGINNING
        await stack.enter_async_context(moving(EventTraffic(broker, relay, handlers, around, since=since)))
        heard = ", ".join(sorted({kind for handler in handlers for kind in handler.types})) or "nothing"
        logging.getLogger(name).info("%s tells events at %s, and hears %s", name, address.place, heard)
        yield


def _authorities(settings: Settings, prefix: str) -> bytes | None:
    if settings.orchestrator_ca is None:
        return None
    try:
        return settings.orchestrator_ca.read_bytes()
    except OSError as error:
        raise StartupError(f"{prefix}ORCHESTRATOR_CA: {error}") from error


def _starts(settings: Settings, prefix: str) -> AbstractAsyncContextManager[Start]:
    """How handlers start sagas."""
    return saga_starts(
        settings.orchestrator,
        token_file=_token_file(settings),
        ca=_authorities(settings, prefix),
        variable=f"{prefix}ORCHESTRATOR",
    )


def _token_file(settings: Settings) -> Path | None:
    """The file that the settings name; for an orchestrator of this machine else the local operator's."""
    if settings.orchestrator_token or not settings.orchestrator or is_exposed(settings.orchestrator):
        return settings.orchestrator_token
    return settings.state_dir / "token"
