"""One event and one handler: the transaction of the effect, and what a failure means.

::

    delivered ─▶ readable? ─▶ heard? ─▶ [ claim, inbox, effect ] in one transaction ─▶ settled
                    │                        │ fails
                    ▼                        ▼
               dead letter ◀── definite ── passing? ── yes ──▶ pause, and again
                                             └─ unforeseen: so some times, then a dead letter
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

import grpc
from google.protobuf.message import Message
from sqlalchemy import Connection

from orchestrator.participant.metadata import CallMetadata
from services.chassis.calls import during as logged_during
from services.chassis.database import Database
from services.chassis.errors import InvalidRequest, Rejection, ServiceError, Unavailable
from services.chassis.event import Event, UnreadableEventError, message_of
from services.chassis.events import inbox
from services.chassis.events.broker import Delivery
from services.chassis.events.causes import Cause, during
from services.chassis.events.claims import Claim
from services.chassis.events.handlers import Handler
from services.chassis.events.inbox import DeadLetter
from services.chassis.events.pauses import Pause, seconds_before
from services.chassis.logs import one_line
from services.chassis.spans import Span, Tracing
from services.chassis.timestamps import Clock, utc_now
from services.chassis.validation import refuse_invalid

_LOGGER = logging.getLogger(__name__)

Start: TypeAlias = Callable[[str, Message, str, str], Awaitable[None]]
"""Starts a saga: its definition, its input, the request id, and the traceparent.

Raises:
    Unavailable: it may be started, or not: ask again.
    Rejection: it is refused for good.
"""

ATTEMPTS: Final = 5
"""Of an event whose handler fails unforeseen."""
MOST_DELIVERIES: Final = 20
"""Of an event that is never settled, because the process that handles it dies each time."""
_REASON_LENGTH: Final = 500
_DEFINITE: Final = (UnreadableEventError, Rejection, InvalidRequest)


class _TooOftenError(Exception):
    """The event was delivered so often that it must be what ends the process."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What handlers of one service share.

    Attributes:
        service: its name, such as ``rewards``.
        database: of the service.
        claim: on its events.
        cause: of the service.
        tracing: where spans go.
        start: starts sagas.
        pause: waits before another attempt.
        clock: the time.
    """

    service: str
    database: Database
    claim: Claim
    cause: Cause
    tracing: Tracing
    start: Start
    pause: Pause = asyncio.sleep
    clock: Clock = utc_now


class Handling:
    """Handles what one subscription hears.

    Args:
        handler: what it does.
        around: what it shares with the others.

    Attributes:
        name: of the subscription, such as ``rewards-credit_points``.
    """

    def __init__(self, handler: Handler, around: Surroundings) -> None:
        self._handler = handler
        self._around = around
        self.name = f"{around.service}-{handler.name}"

    async def settle(self, delivery: Delivery) -> None:
        """Return once the event has had its effect, is a dead letter, or is none of ours.

        Raises:
            ClaimLost: another process handles it.
        """
        try:
            event = Event.read(delivery.headers, delivery.data)
        except UnreadableEventError as error:
            await self._give_up(f"place {delivery.place}", delivery.headers, delivery.data, error, 1)
            return
        if event.provisional and not self._handler.hears.provisional:
            return
        if delivery.deliveries > MOST_DELIVERIES:
            failed: tuple[Exception, int] | None = (
                _TooOftenError(f"it was delivered {delivery.deliveries} times, and never settled"),
                0,
            )
        else:
            failed = await self._try_often(event)
        if failed is not None:
            await self._give_up(event.id, delivery.headers, delivery.data, *failed)

    async def retry_asked(self) -> bool:
        """Try a dead letter again, if somebody has asked for it; whether there was one."""
        letter = await self._around.database.read(partial(inbox.asked_for, subscription=self.name))
        if letter is None:
            return False
        try:
            await self._attempt(Event.read(letter.headers, letter.data), again=True)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the letter says it
            await self._give_up(letter.event_id, letter.headers, letter.data, error, 1)
        return True

    async def _try_often(self, event: Event) -> tuple[Exception, int] | None:
        """Try until it is settled; the last error and the number of attempts where it never will be."""
        unforeseen = attempt = 0
        while True:
            attempt += 1
            try:
                await self._attempt(event)
            except _DEFINITE as error:
                return error, attempt
            except Unavailable as error:
                _LOGGER.warning("%s waits with %s: %s", self.name, event.id, error)
            except Exception as error:
                unforeseen += 1
                _LOGGER.exception("%s failed at %s", self.name, event.id)
                if unforeseen == ATTEMPTS:
                    return error, attempt
            else:
                return None
            await self._around.pause(seconds_before(attempt + 1))

    async def _attempt(self, event: Event, *, again: bool = False) -> None:
        span = self._around.tracing.hear(event, self.name)
        with logged_during(CallMetadata(saga_id=event.subject or None), span.trace_id, span.span_id):
            try:
                message = message_of(event, self._handler.hears.kinds)
                refuse_invalid(message, CallMetadata(), "")
                if self._handler.hears.starts:
                    await self._start(event, message, span, again=again)
                else:
                    effect = partial(self._effect, event, message, _traceparent(span, event), again)
                    await self._around.database.transaction(effect)
            except ServiceError as error:
                span.end(error.code)
                raise
            except Exception as error:
                span.end(grpc.StatusCode.INTERNAL, error)
                raise
            except asyncio.CancelledError:
                span.end(grpc.StatusCode.CANCELLED)
                raise
            span.end(grpc.StatusCode.OK)

    def _effect(self, event: Event, message: Message, traceparent: str, again: bool, connection: Connection) -> None:
        if self._recorded(event, again, connection):
            with during(self._around.cause.for_(f"{self.name}\n{event.id}", traceparent)):
                self._handler.method(message, connection)

    async def _start(self, event: Event, message: Message, span: Span, *, again: bool) -> None:
        """Start a saga before the event is recorded: repeated, it is the same saga, because it has the event's id."""
        is_settled = partial(inbox.is_settled, subscription=self.name, event_id=event.id)
        if not again and await self._around.database.read(is_settled):
            return
        saga_input = self._handler.method(message)
        if saga_input is not None:
            definition = self._handler.hears.starts
            await self._around.start(definition, saga_input, request_id(event), _traceparent(span, event))
        await self._around.database.transaction(partial(self._recorded, event, again))

    def _recorded(self, event: Event, again: bool, connection: Connection) -> bool:
        """Record that the event has its effect in this transaction; false where it shall have none."""
        self._around.claim.verify(connection)
        if again:
            inbox.dig_up(connection, self.name, event.id)
        elif inbox.is_settled(connection, self.name, event.id):
            return False
        return inbox.keep(connection, self.name, event.id, self._around.clock())

    async def _give_up(
        self, event_id: str, headers: Mapping[str, str], data: bytes, error: Exception, attempts: int
    ) -> None:
        reason = one_line(f"{type(error).__name__}: {error}")[:_REASON_LENGTH]
        letter = DeadLetter(
            self.name, event_id, headers, data, reason, attempts, self._around.clock(), retry_asked=False
        )
        given_up, attempt = None, 1
        while given_up is None:
            try:
                given_up = await self._around.database.transaction(partial(self._bury, letter))
            except Unavailable:
                attempt += 1
                await self._around.pause(seconds_before(attempt))
        if given_up:
            _LOGGER.error("%s gave up %s, which is a dead letter now: %s", self.name, event_id, reason)

    def _bury(self, letter: DeadLetter, connection: Connection) -> bool:
        self._around.claim.verify(connection)
        if inbox.is_handled(connection, letter.subscription, letter.event_id):
            return False
        inbox.bury(connection, letter)
        return True


def request_id(event: Event) -> str:
    """The event's id as a UUID, as the API of sagas wants it; what is none becomes one."""
    try:
        return str(UUID(event.id))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, f"{event.source}\n{event.id}"))


def _traceparent(span: Span, event: Event) -> str:
    """The span in which the event is handled, or that in which it was published, where nobody traces the former."""
    flags = event.traceparent.rpartition("-")[2] if event.traceparent else "01"
    return f"00-{span.trace_id}-{span.span_id}-{flags}" if span.trace_id else event.traceparent
