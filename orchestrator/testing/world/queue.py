r"""A queue between replicas and participants, in virtual time: either side may be away.

::

    a replica ──publish──▶ held, one for each message id ──the participants are there──▶ executed, or expired
        ▲                                                                                    │
        └── heard by who waits ◀── kept, and told to one replica of all ◀── the answer ◀─────┘
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.run.first_done import first_done
from orchestrator.journal.outcome import Failure, Retry, Unknown
from orchestrator.participant.queued.command import EXPIRED_IN_QUEUE
from orchestrator.ports.queued import Answered
from orchestrator.testing.world.virtual_loop import Process

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.queued import QueuedAttempt
    from orchestrator.testing.mock.calls import Metadata
    from orchestrator.testing.world.network import Network

QUEUE_SECONDS: Final = 3600.0
PUBLISH_SECONDS: Final = 5.0
TELLS_AGAIN_SECONDS: Final = 30.0

EXPIRED: Final = Retry(Failure(StatusCode.DEADLINE_EXCEEDED, "not executed", EXPIRED_IN_QUEUE))
_AWAY: Final = Unknown(Failure(StatusCode.UNAVAILABLE, "no connection to the queue"))
_UNACKNOWLEDGED: Final = Unknown(Failure(StatusCode.UNAVAILABLE, "not acknowledged"))
_NO_ANSWER: Final = Unknown(Failure(StatusCode.DEADLINE_EXCEEDED, "no answer has come by the queue"))


class Message(NamedTuple):
    """A command as the queue holds it."""

    command: Command
    request: bytes
    metadata: Metadata
    timeout: float
    saga_id: str
    expires_at: int


class Told(NamedTuple):
    """Which message is answered, and whose command it was."""

    message_id: str
    saga_id: str


class VirtualQueue:
    """The queue of one world.

    Args:
        network: executes what is taken from it.
        clock: by which commands expire.

    Attributes:
        is_there: the queue can be reached.
        acknowledges: it says so when it holds a command; else it holds it, and who has published it does not know.
        tells: replicas are told of the answers; else only who looks for one finds it.
        queue_seconds: for how long a command may wait.
        published: the message ids of all that was published, in order; one that the queue has dropped, too.
        answers: what the participants answered, by message id.
        owed: the message ids of the answers that a replica was told, and of which it has not said that it is done.
    """

    def __init__(self, network: Network, clock: Clock) -> None:
        self._network = network
        self._clock = clock
        self._process = Process("queue")
        self._is_taken = True
        self._seen: set[str] = set()
        self._held: dict[str, Message] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._untold: asyncio.Queue[Told] = asyncio.Queue()
        self._working: set[asyncio.Task[None]] = set()
        self._there = asyncio.Event()
        self._there.set()
        self.acknowledges = True
        self.tells = True
        self.queue_seconds = QUEUE_SECONDS
        self.published: list[str] = []
        self.answers: dict[str, Outcome] = {}
        self.owed: set[str] = set()

    @property
    def is_there(self) -> bool:
        """See above."""
        return self._there.is_set()

    @is_there.setter
    def is_there(self, is_there: bool) -> None:
        if is_there:
            self._there.set()
        else:
            self._there.clear()

    async def until_there(self) -> None:
        """Wait until it can be reached."""
        await self._there.wait()

    def go_away(self) -> None:
        """The participants take nothing from now on."""
        self._is_taken = False

    def come_back(self) -> None:
        """The participants take what there is, and what comes."""
        self._is_taken = True
        for message_id in list(self._held):
            self._take(message_id)

    def lose_all(self) -> None:
        """The queue forgets the commands that it holds, and that it was given them: nobody answers them."""
        self._seen.difference_update(self._held)
        self._held.clear()

    def publish(self, message_id: str, message: Message) -> None:
        """Hold a command, unless one with this id was published before."""
        self.published.append(message_id)
        if message_id in self._seen:
            return
        self._seen.add(message_id)
        self._held[message_id] = message
        if self._is_taken:
            self._take(message_id)

    async def until_answered(self, message_id: str) -> None:
        """Wait for an answer."""
        if message_id not in self.answers:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(message_id, []).append(waiting)
            await waiting

    async def next_told(self) -> Told:
        """What a replica is to be told next, as soon as there is something."""
        return await self._untold.get()

    def tell(self, told: Told) -> None:
        """Tell a replica of an answer, as soon as one asks."""
        self._untold.put_nowait(told)

    def owe(self, told: Told) -> Answered:
        """What a replica is told. Unless it is done with it before, one is told again after a while."""
        self.owed.add(told.message_id)
        # In no process: the queue tells again although this one has died.
        Context().run(self._clock.call_after, TELLS_AGAIN_SECONDS, partial(self._tell_again, told))
        return Answered(told.saga_id, partial(_is_to, told.message_id), partial(self.owed.discard, told.message_id))

    def _tell_again(self, told: Told) -> None:
        if told.message_id in self.owed:
            self.owed.discard(told.message_id)
            self.tell(told)

    def _take(self, message_id: str) -> None:
        task = asyncio.ensure_future(self._execute(message_id, self._held.pop(message_id)))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _execute(self, message_id: str, message: Message) -> None:
        outcome: Outcome = EXPIRED
        if self._clock.now() < message.expires_at:
            outcome = await self._network.send(
                self._process, message.command, message.request, message.metadata, message.timeout
            )
        self.answers[message_id] = outcome
        for waiting in self._waiting.pop(message_id, ()):
            if not waiting.done():
                waiting.set_result(None)
        if self.tells:
            self.tell(Told(message_id, message.saga_id))


class QueueConnection:
    """What one replica reaches the participants by; see :class:`~orchestrator.ports.channel.Participants`."""

    def __init__(self, queue: VirtualQueue, process: Process, clock: Clock) -> None:
        self.queue = queue
        self.process = process
        self.clock = clock

    def caller(self, command: Command) -> VirtualQueueCaller:
        """The way to one command."""
        return VirtualQueueCaller(self, command)

    async def is_serving(self, service: str) -> bool | None:  # noqa: ARG002 - the port's
        """Whether the queue is there."""
        return None if self.queue.is_there else False

    async def come(self) -> Sequence[Answered]:
        """See :class:`~orchestrator.ports.queued.Answers`."""
        await self.unless_crashed()
        told = await self.queue.next_told()
        if self.process.crashed:
            self.queue.tell(told)  # it had died before, and asked no more
        await self.unless_crashed()
        return [self.queue.owe(told)]

    async def unless_crashed(self) -> None:
        """Return where the process runs."""
        if self.process.crashed:
            await asyncio.get_running_loop().create_future()


class VirtualQueueCaller:
    """Delivers one command; see :class:`~orchestrator.ports.queued.QueuedCaller`."""

    def __init__(self, connection: QueueConnection, command: Command) -> None:
        self._connection = connection
        self._command = command
        self.queue_seconds = connection.queue.queue_seconds

    async def __call__(self, request: bytes, metadata: Metadata, timeout: float) -> Outcome:  # noqa: ASYNC109 - the port's
        """One attempt that nobody resumes."""
        await self._connection.unless_crashed()
        queue = self._connection.queue
        message_id = f"one-{len(queue.published)}"
        expires_at = self._connection.clock.now() + int(timeout * 1e9)
        saga_id = dict(metadata)["saga-id"]
        queue.publish(message_id, Message(self._command, request, metadata, timeout, saga_id, expires_at))
        return await self._answer(message_id, expires_at)

    async def queue(
        self,
        request: bytes,
        metadata: Metadata,
        timeout: float,  # noqa: ASYNC109 - the port's
        attempt: QueuedAttempt,
    ) -> Outcome:
        """See the port."""
        await self._connection.unless_crashed()
        queue, message_id = self._connection.queue, _id_of(dict(metadata)["idempotency-key"], attempt.number)
        if not queue.is_there and not attempt.resumed:
            return _AWAY
        if not queue.is_there:
            await self._first(queue.until_there(), attempt.until)
        if attempt.publish and message_id not in queue.answers:
            message = Message(self._command, request, metadata, timeout, attempt.saga_id, attempt.expires_at)
            queue.publish(message_id, message)
            if not queue.acknowledges:
                await self._connection.clock.sleep(PUBLISH_SECONDS)
                await self._connection.unless_crashed()
                if not attempt.sole:
                    return _UNACKNOWLEDGED
            attempt.is_queued = True
        return await self._answer(message_id, attempt.until)

    async def is_answered(self, saga_id: str, idempotency_key: str, number: int) -> bool:  # noqa: ARG002 - the port's
        """See the port."""
        return _id_of(idempotency_key, number) in self._connection.queue.answers

    async def _answer(self, message_id: str, until: int) -> Outcome:
        queue = self._connection.queue
        await self._first(queue.until_answered(message_id), until)
        return queue.answers.get(message_id, _NO_ANSWER)

    async def _first(self, comes: Coroutine[Any, Any, None], until: int) -> None:
        """Wait for what comes, until that instant."""
        connection = self._connection
        coming = asyncio.ensure_future(comes)
        left = (until - connection.clock.now()) / 1e9
        late = asyncio.ensure_future(connection.clock.sleep(max(0.0, left)))
        try:
            await first_done(coming, late)
        finally:
            coming.cancel()
            late.cancel()
        await connection.unless_crashed()


def _is_to(message_id: str, idempotency_key: str, number: int) -> bool:
    return message_id == _id_of(idempotency_key, number)


def _id_of(idempotency_key: str, number: int) -> str:
    return f"{idempotency_key}#{number}"
