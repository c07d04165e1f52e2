r"""A connection to a NATS server that is there again whenever the server is.

Purpose: all who publish or listen have one connection for each server, and need not know how it was made.
Invariant: nothing waits here for longer than its caller says. Where there is no connection, nothing is kept to be sent
later: the caller is told, and decides.

::

    (first use) ──▶ connecting ──▶ connected ──lost──▶ the client reconnects by itself ──▶ connected
                        ▲                                    │ refused: the client gives up
                        └────────────── a new client ◀───────┘

The client is that of ``nats-py``, which comes with the extra ``nats``; it is imported with the first connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.connections.nats_security import nats_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from orchestrator.connections.nats_security import NatsSecurity, NatsServer

_log = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 2
_PAUSE_SECONDS: Final = 0.25
_REFUSED_PAUSE_SECONDS: Final = 2.0
_PING_SECONDS: Final = 5
_CLOSE_SECONDS: Final = 2.0
_TOLD_AGAIN_SECONDS: Final = 60.0
_NOT_LET_IN: Final = "Authorization Violation"
_CUT_OFF: Final = (BrokenPipeError, ConnectionResetError)
_MOST_BYTES: Final = 1024 * 1024


class BrokerUnavailableError(Exception):
    """The broker cannot be reached, or has not answered in time; what was sent may have arrived."""


class NotConnectedError(BrokerUnavailableError):
    """There is no connection to the broker: nothing was sent."""


class BrokerRefusedError(Exception):
    """The broker has answered that it does not do what was asked.

    Attributes:
        code: the broker's own number of the error; 0 where nobody takes what was sent.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Received(NamedTuple):
    """A message as it came.

    Attributes:
        subject: to which it was published.
        headers: those of the message; of one name, one value.
        body: its bytes.
    """

    subject: str
    headers: dict[str, str]
    body: bytes


class NatsConnection:
    """One server, or the cluster to which it belongs.

    Args:
        server: where it is.
        security: what the connection is secured with.
        name: shown by the server's own monitoring.

    Attributes:
        server: as given.
        on_connected: called after each time that it is connected anew: what came in between was not heard.
    """

    def __init__(self, server: NatsServer, security: NatsSecurity, name: str = "orchestrator") -> None:
        nats_client()
        self.server = server
        self.on_connected: list[Callable[[], None]] = []
        self._security = security
        self._access = security.access(encrypted=server.encrypted)
        self._name = name
        self._client: Client | None = None
        self._listeners: dict[object, tuple[str, Callable[[Received], None]]] = {}
        self._connected: asyncio.Event | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._why = "it has not answered yet"
        self._is_refused = False
        self._told: tuple[str, float] = ("", 0.0)

    @property
    def is_connected(self) -> bool:
        """It is, as far as is known."""
        return self._client is not None and self._client.is_connected

    @property
    def most_bytes(self) -> int:
        """The largest message that the server takes, headers included."""
        return _MOST_BYTES if self._client is None else self._client.max_payload

    async def client(self, seconds: float) -> Client:
        """The client, connected, after up to so many seconds.

        Raises:
            NotConnectedError: there is no connection by then.
        """
        client = self._client
        if client is not None and client.is_connected:
            return client
        if self._keeper is None:
            self._connected = asyncio.Event()
            self._keeper = asyncio.ensure_future(self._keep())
        assert self._connected is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), seconds)
        if self._client is None or not self._client.is_connected:
            raise NotConnectedError(f"no connection to NATS at {self.server.place}: {self._why}")
        return self._client

    async def request(self, subject: str, body: bytes, seconds: float, headers: dict[str, str] | None = None) -> Msg:
        """Ask, and wait for the first answer.

        Raises:
            BrokerUnavailableError: there is none in time; a NotConnectedError where nothing was sent.
            BrokerRefusedError: nobody listens there.
        """
        started_at = time.monotonic()
        client = await self.client(seconds)
        left = max(0.01, seconds - (time.monotonic() - started_at))
        errors = nats_client().errors
        try:
            return await client.request(subject, body, timeout=left, headers=headers)
        except errors.NoRespondersError:
            raise BrokerRefusedError(0, f"nobody takes what is sent to {subject}") from None
        except errors.MaxPayloadError:
            raise BrokerRefusedError(0, f"{len(body)} bytes are more than NATS at {self.server.place} takes") from None
        except (errors.Error, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(f"NATS at {self.server.place}: {error}") from error

    async def listen(self, subject: str, receive: Callable[[Received], None]) -> Callable[[], Awaitable[None]]:
        """Call ``receive`` with every message to a subject from now on; what comes back ends that.

        It goes on over every loss of the connection; what comes while there is none is not heard.

        Raises:
            BrokerUnavailableError: there is no connection now.
        """
        client = await self.client(_CONNECT_SECONDS)
        errors = nats_client().errors
        try:
            subscription = await _subscribed(client, subject, receive)
        except (errors.Error, OSError) as error:
            raise BrokerUnavailableError(f"NATS at {self.server.place}: {error}") from error
        key = object()
        self._listeners[key] = subject, receive

        async def end() -> None:
            self._listeners.pop(key, None)
            with contextlib.suppress(errors.Error, OSError):
                await subscription.unsubscribe()

        try:
            await client.flush(_CONNECT_SECONDS)
        except (errors.Error, OSError, TimeoutError) as error:
            await end()
            raise BrokerUnavailableError(f"NATS at {self.server.place}: {error}") from error
        return end

    async def close(self) -> None:
        """Connect no more."""
        if self._keeper is not None:
            self._keeper.cancel()
        if self._client is not None:
            # Where the server is away, the library would wait for it here.
            with contextlib.suppress(nats_client().errors.Error, OSError, TimeoutError):
                await asyncio.wait_for(self._client.close(), _CLOSE_SECONDS)

    async def _keep(self) -> None:
        """Connect; and anew, with another client, where one has given up."""
        assert self._connected is not None
        while True:
            closed = asyncio.Event()
            try:
                client = await self._opened(closed)
                for subject, receive in list(self._listeners.values()):
                    await _subscribed(client, subject, receive)
            except (nats_client().errors.Error, OSError, ValueError) as error:
                await self._note_error(error)
                await asyncio.sleep(_REFUSED_PAUSE_SECONDS)
                continue
            self._client = client
            await self._note_connected()
            await closed.wait()
            self._connected.clear()
            self._client = None
            await asyncio.sleep(_REFUSED_PAUSE_SECONDS)

    async def _opened(self, closed: asyncio.Event) -> Client:
        async def gone() -> None:
            closed.set()

        client = self._access.client()
        await client.connect(
            servers=[self.server.url],
            name=self._name,
            connect_timeout=_CONNECT_SECONDS,
            reconnect_time_wait=_PAUSE_SECONDS,  # type: ignore[arg-type]  # it is slept for
            max_reconnect_attempts=-1,
            ping_interval=_PING_SECONDS,
            error_cb=self._note_error,
            closed_cb=gone,
            disconnected_cb=self._note_lost,
            reconnected_cb=self._note_connected,
            **self._access.options(),
        )
        return client

    async def _note_lost(self) -> None:
        if self._connected is not None:
            self._connected.clear()

    async def _note_connected(self) -> None:
        if self._connected is not None:
            self._connected.set()
        self._is_refused = False
        _log.info("connected to NATS at %s", self.server.place)
        for each in self.on_connected:
            each()

    async def _note_error(self, error: Exception) -> None:
        """Say why there is no connection: once a minute, and whenever the reason is another."""
        if self._is_refused and isinstance(error, (*_CUT_OFF, nats_client().errors.UnexpectedEOF)):
            return  # the server ends the connection with its refusal, and either may be noticed first
        self._why = str(error) or type(error).__name__
        self._is_refused = _NOT_LET_IN in self._why
        if self._is_refused:
            self._why = f"the server does not let us in, by {self._security.stated}: {_NOT_LET_IN}"
        text, at = self._told
        if text != self._why or time.monotonic() - at > _TOLD_AGAIN_SECONDS:
            self._told = self._why, time.monotonic()
            _log.warning("NATS at %s: %s", self.server.place, self._why)


async def _subscribed(client: Client, subject: str, receive: Callable[[Received], None]) -> Any:  # noqa: ANN401 - a subscription
    async def hand_on(message: Msg) -> None:
        receive(Received(message.subject, dict(message.headers or {}), message.data))

    return await client.subscribe(subject, cb=hand_on)
