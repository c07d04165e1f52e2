r"""A channel to one address, which is exchanged for a new one when it is dead, or its certificates are old.

Purpose: a firewall that forgets a connection, or a peer whose machine is gone, sends no reset; calls then time out for
as long as the connection is believed in. Keepalive finds that out while calls are in flight, and where it does not,
several timeouts in a row with no answer between them do. And gRPC keeps the certificates of a channel for as long as
the channel lives. Invariant: a call ends on the channel on which it began.

::

    in use ──an answer, whatever it says──▶ in use
      │
      ├──timeouts, no answer in between, for so long──▶ exchanged: the next calls take a new channel,
      │                                                 the old one is closed once its calls have ended
      └──other certificates──▶ renewing: a new channel connects beside the one in use
                                  └──it is connected──▶ exchanged, as above

So certificates with which no connection can be made take the place of none with which one can.

What is called again and again is made once for each channel (see :meth:`ReplaceableChannel.follow`), so that a call
pays nothing for this.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.channels.grpc.credentials import Security, open_channel
from orchestrator.channels.grpc.explanation import Explanation

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc.aio

_log = logging.getLogger(__name__)

METADATA_BYTES: Final = 1024 * 1024
"""How large the metadata of an answer may be: error details travel in them, and gRPC takes 8 KB unless it is told."""

_TIMEOUTS: Final = 3
# A call ends by its own deadline; this is for those that have none to speak of.
_DRAIN_SECONDS: Final = 3600.0


class ChannelSettings(NamedTuple):
    """How participants are reached.

    Attributes:
        most_bytes: the largest request and the largest reply.
        keepalive: seconds without a sign of life, while calls are in flight, after which the connection is tested; 0
            for never.
        silence: seconds for which calls may time out, with no answer between them, before the channel is exchanged.
        security: what the connections are secured with.
    """

    most_bytes: int = 16 * 1024 * 1024
    keepalive: float = 20.0
    silence: float = 5.0
    security: Security = Security()

    def options(self) -> list[tuple[str, Any]]:
        """What gRPC is told of every channel to a participant."""
        return [
            # One that was away is tried again soon: the engine's own backoff says how often commands are sent.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 2000),  # nothing but how long a connection may take to be made
            ("grpc.max_reconnect_backoff_ms", 2000),
            # Channels with the same options would share one connection, dead or not.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.enable_retries", 0),
            ("grpc.max_receive_message_length", self.most_bytes),
            ("grpc.max_send_message_length", -1),  # what is too large is refused before it is sent, in our own words
            ("grpc.max_metadata_size", METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", METADATA_BYTES),
            *self._keepalive(),
        ]

    def _keepalive(self) -> list[tuple[str, Any]]:
        if not self.keepalive:
            return []
        # Only while calls are in flight, and with gRPC's own bound of two pings without data: servers that were told
        # nothing of keepalive close the connection of a client that pings more.
        milliseconds = round(self.keepalive * 1000)
        patience = max(1, milliseconds // 2)
        return [
            ("grpc.keepalive_time_ms", milliseconds),
            ("grpc.keepalive_timeout_ms", patience),
            ("grpc.http2.ping_timeout_ms", patience),  # else a ping is given a minute, whatever the line above says
        ]


DEFAULT_SETTINGS: Final = ChannelSettings()


class ReplaceableChannel:
    """The channel to one address, whichever that is by now.

    Args:
        address: ``host:port``.
        settings: how it is reached.

    Attributes:
        channel: the one in use.
        timeouts: calls on it that have timed out since the last answer; an answer sets it to 0.
    """

    __slots__ = (
        "_address",
        "_explanation",
        "_followers",
        "_old",
        "_renewing",
        "_settings",
        "_silent_since",
        "channel",
        "timeouts",
    )

    def __init__(self, address: str, settings: ChannelSettings) -> None:
        self._address = address
        self._settings = settings
        self._followers: list[Callable[[grpc.aio.Channel], None]] = []
        self._old: dict[asyncio.Task[None], grpc.aio.Channel] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._explanation = Explanation(address, settings.security.tls)
        self._silent_since = 0.0
        self.timeouts = 0
        self.channel = self._open()
        if settings.security.tls is not None:
            settings.security.tls.follow(self.renew)

    def follow(self, use: Callable[[grpc.aio.Channel], None]) -> None:
        """Hand over the channel in use, now and whenever it is exchanged."""
        self._followers.append(use)
        use(self.channel)

    def note_timeout(self, channel: grpc.aio.Channel) -> None:
        """A call on this channel has timed out; exchange the channel, if that was one too many."""
        if channel is not self.channel:
            return
        if not self.timeouts:
            self._silent_since = time.monotonic()
        self.timeouts += 1
        silent = time.monotonic() - self._silent_since
        if self.timeouts >= _TIMEOUTS and silent >= self._settings.silence:
            _log.warning(
                "%s: %d calls in a row timed out within %.0f s; they are made over a new connection from now on",
                self._address,
                self.timeouts,
                silent,
            )
            self._exchange(self._open())

    def renew(self) -> None:
        """Other certificates are in force: exchange the channel once a connection is made with them."""
        if self._renewing is not None:
            self._renewing.cancel()
        self._renewing = asyncio.ensure_future(self._renew())

    def explain(self) -> None:
        """A call found no connection: say in the log why TLS does not make one, where that is it."""
        self._explanation.begin()

    async def close(self) -> None:
        """Close the channel, the one that is to follow it, and those before it that still have calls."""
        if self._settings.security.tls is not None:
            self._settings.security.tls.leave(self.renew)
        await self._explanation.close()
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        for task, channel in list(self._old.items()):
            task.cancel()
            await channel.close()
        await self.channel.close()

    async def _renew(self) -> None:
        new = self._open()
        try:
            await new.channel_ready()
        except asyncio.CancelledError:
            await new.close()
            raise
        self._exchange(new)
        _log.info("%s: connected with the new certificates", self._address)

    def _exchange(self, new: grpc.aio.Channel) -> None:
        old, self.channel, self.timeouts = self.channel, new, 0
        for use in self._followers:
            use(self.channel)
        task = asyncio.ensure_future(old.close(_DRAIN_SECONDS))
        self._old[task] = old
        task.add_done_callback(lambda task: self._old.pop(task, None))

    def _open(self) -> grpc.aio.Channel:
        return open_channel(self._address, self._settings.options(), tls=self._settings.security.tls)
