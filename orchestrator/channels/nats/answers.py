r"""Tells the replicas of a group which sagas were answered: each reply to one of them.

Purpose: a parked saga is woken by the reply to its command, on any replica that hears of it. Invariant: a reply is
acknowledged only once the engine is done with it; one that a replica has taken along into its death is told again.

::

    the stream of replies ──one durable consumer for the group──▶ pulled by this replica ──▶ told ──done──▶ acknowledged
                                                                           ▲   └──not done for 30 s──▶ told again
                                                                           └── asked for anew every few seconds

A request to be told of replies dies with the broker, and nobody says so. It ends by itself after a few seconds here,
and another one follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.channels.nats.caller import message_id_of
from orchestrator.connections.nats import BrokerUnavailableError
from orchestrator.connections.nats_security import nats_client
from orchestrator.participant.queued.subjects import attempt_word, replies_consumer
from orchestrator.ports.queued import Answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nats.aio.msg import Msg

    from orchestrator.channels.nats.channel import NatsChannel

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 64
_PULL_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0
_MOST_UNTOLD: Final = 256


class NatsAnswers:
    """The replies of every broker and prefix that is used; see :class:`orchestrator.ports.queued.Answers`.

    Args:
        channels: those of this process.
        group: the replicas that share a journal.
    """

    def __init__(self, channels: Iterable[NatsChannel], group: str) -> None:
        self._channels = {(each.address.server, each.address.subjects.prefix): each for each in channels}
        self._group = group
        self._untold: asyncio.Queue[Answered] = asyncio.Queue(_MOST_UNTOLD)
        self._pulling: list[asyncio.Task[None]] = []
        self._told_missing = ""
        self._is_closed = False

    async def come(self) -> Sequence[Answered]:
        """See the port."""
        if not self._pulling:
            self._pulling = [asyncio.ensure_future(self._pull(channel)) for channel in self._channels.values()]
        answered = [await self._untold.get()]
        while not self._untold.empty() and len(answered) < _AT_ONCE:
            answered.append(self._untold.get_nowait())
        return answered

    def close(self) -> None:
        """Pull no more."""
        self._is_closed = True  # the library may swallow that a task is cancelled
        for each in self._pulling:
            each.cancel()

    async def _pull(self, channel: NatsChannel) -> None:
        while not self._is_closed:
            try:
                await self._pull_from(channel)
            except BrokerUnavailableError as error:
                _log.debug("no replies are pulled: %s", error)
            except (nats_client().errors.Error, OSError, TimeoutError) as error:
                self._tell_missing(channel, error)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _pull_from(self, channel: NatsChannel) -> None:
        """Pull until something is wrong; then another subscription is made."""
        client = await channel.stream.connection.client(_CONNECT_SECONDS)
        subjects = channel.address.subjects
        subscription = await client.jetstream().pull_subscribe_bind(replies_consumer(self._group), subjects.replies)
        try:
            while client.is_connected and not self._is_closed:
                # That nothing has come in time is no error here.
                with contextlib.suppress(TimeoutError, nats_client().errors.TimeoutError):
                    for message in await subscription.fetch(_AT_ONCE, timeout=_PULL_SECONDS):
                        await self._tell(channel, message)
        finally:
            with contextlib.suppress(nats_client().errors.Error, OSError):
                await subscription.unsubscribe()

    async def _tell(self, channel: NatsChannel, message: Msg) -> None:
        done = partial(_acknowledge, message)
        try:
            reply = channel.address.subjects.read_reply(message.subject)
        except ValueError:
            done()
            return
        await self._untold.put(Answered(reply.saga_id, partial(_is_to, reply.attempt), done))

    def _tell_missing(self, channel: NatsChannel, error: Exception) -> None:
        told = f"{channel.address.subjects.replies} at {channel.address.server.place}: {error}"
        if told != self._told_missing:
            self._told_missing = told
            _log.warning("parked sagas are not woken by replies in %s; orchestrator channels create", told)


def _is_to(word: str, idempotency_key: str, number: int) -> bool:
    return word == attempt_word(message_id_of(idempotency_key, number))


_acknowledging: set[asyncio.Task[Any]] = set()


def _acknowledge(message: Msg) -> None:
    """Tell the broker in the background; where that is lost, the reply is told again, and changes nothing."""
    task = asyncio.ensure_future(_told(message))
    _acknowledging.add(task)
    task.add_done_callback(_acknowledging.discard)


async def _told(message: Msg) -> None:
    with contextlib.suppress(nats_client().errors.Error, OSError):
        await message.ack()
