r"""Brings the replies of one broker to the attempts that wait for them.

Purpose: a reply reaches a waiting attempt in one hop. Invariant: every reply is in a stream before anybody depends on
it, so what is not heard is found: a reply that came while there was no connection, or to a process that has died.

::

    replies to this replica ──heard as they are published──▶ the attempt that waits
    the stream of replies ──looked up by the attempt──▶ (resumed, connected anew, silent for long, about to give up)

What was published by another replica is answered to that one. Who resumes such an attempt listens for its reply alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError
from orchestrator.participant.queued.subjects import attempt_word

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from orchestrator.connections.jetstream import JetStream
    from orchestrator.connections.nats import Received
    from orchestrator.participant.queued.subjects import Subjects

_log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 30.0


class Awaited:
    """The reply to one attempt.

    Attributes:
        saga_id: whose command is answered.
        message_id: of the attempt.
        subject: where its reply is published, when this replica publishes the command.
        reply: the reply, once it is there; ``None`` where the channel is closed before.
    """

    __slots__ = ("_look", "message_id", "reply", "saga_id", "subject")

    def __init__(self, saga_id: str, message_id: str, subject: str) -> None:
        self.saga_id = saga_id
        self.message_id = message_id
        self.subject = subject
        self.reply: asyncio.Future[Received | None] = asyncio.get_running_loop().create_future()
        self._look = asyncio.Event()

    def give(self, received: Received | None) -> None:
        """This is the reply; a later one says the same, or more, and comes too late."""
        if not self.reply.done():
            self.reply.set_result(received)

    def look(self) -> None:
        """It may be in the stream, and was not heard."""
        self._look.set()

    async def told_to_look(self, seconds: float) -> None:
        """Wait until it is to be looked for, or for so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._look.wait(), seconds)
        self._look.clear()


class Replies:
    """The replies of one broker, below one prefix.

    Args:
        stream: the broker.
        subjects: the names below the prefix.
        group: the replicas that share a journal.
        replica: the name of this one.
    """

    def __init__(self, stream: JetStream, subjects: Subjects, group: str, replica: str) -> None:
        self._stream = stream
        self._subjects = subjects
        self._group = group
        self._replica = replica
        self._awaited: dict[str, Awaited] = {}
        self._listening: asyncio.Future[Callable[[], Awaitable[None]]] | None = None
        stream.connection.on_connected.append(self._look_for_all)

    @contextlib.asynccontextmanager
    async def awaiting(self, saga_id: str, message_id: str, *, elsewhere: bool) -> AsyncIterator[Awaited]:
        """Within, the reply to an attempt is waited for.

        Args:
            saga_id: whose command it is.
            message_id: of the attempt.
            elsewhere: another replica may have published it.

        Raises:
            BrokerUnavailableError: there is no connection now.
        """
        word = attempt_word(message_id)
        awaited = Awaited(saga_id, message_id, self._subjects.reply(self._group, saga_id, word, self._replica))
        await self._listen()
        end: Callable[[], Awaitable[None]] | None = None
        if elsewhere:
            subject = self._subjects.replies_to(self._group, saga_id, word)
            end = await self._stream.connection.listen(subject, awaited.give)
        self._awaited[word] = awaited
        try:
            yield awaited
        finally:
            if self._awaited.get(word) is awaited:
                del self._awaited[word]
            if end is not None:
                await end()

    async def find(self, saga_id: str, message_id: str) -> Received | None:
        """The reply to an attempt, where it is in the stream.

        Raises:
            BrokerUnavailableError: there is no connection now.
            BrokerRefusedError: there is no such stream.
        """
        subject = self._subjects.replies_to(self._group, saga_id, attempt_word(message_id))
        return await self._stream.last(self._subjects.replies, subject)

    async def keep_looking(self, awaited: Awaited) -> None:
        """Look for a reply in the stream, now and then, until it is there."""
        while not awaited.reply.done():
            await awaited.told_to_look(_LOOK_SECONDS)
            await self.look(awaited)

    async def look(self, awaited: Awaited) -> None:
        """Look for a reply in the stream, once."""
        try:
            found = await self.find(awaited.saga_id, awaited.message_id)
        except (BrokerUnavailableError, BrokerRefusedError) as error:
            _log.debug("a reply cannot be looked for: %s", error)
            return
        if found is not None:
            awaited.give(found)

    def close(self) -> None:
        """Wait for no reply any more."""
        for awaited in self._awaited.values():
            awaited.give(None)

    async def _listen(self) -> None:
        """Listen for all that is replied to this replica; once, for as long as it lives."""
        if self._listening is None or (self._listening.done() and self._listening.exception() is not None):
            subject = self._subjects.replies_for(self._group, self._replica)
            self._listening = asyncio.ensure_future(self._stream.connection.listen(subject, self._hand_on))
        await asyncio.shield(self._listening)

    def _hand_on(self, received: Received) -> None:
        try:
            word = self._subjects.read_reply(received.subject).attempt
        except ValueError:
            return
        awaited = self._awaited.get(word)
        if awaited is not None:
            awaited.give(received)

    def _look_for_all(self) -> None:
        """There is a connection again: what was published in between was not heard."""
        for awaited in self._awaited.values():
            awaited.look()
