"""What the workflows of sagas have done outside: sending commands, waiting for children, telling observer and sinks.

Purpose: an attempt is made once. Invariant: outcomes are values. An activity that does not come back (its worker is
killed, or it takes too long) is unknown to its saga, which decides what that means; the server never repeats it. Events
alone, which have ids, are told until they are taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.child_outcomes import child_outcome, rollback_outcome
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.hosting.attempts import too_large
from orchestrator.engine.temporal.wire import Answered, bytes_of, read, read_delta, read_events, write_answer
from orchestrator.errors import JournalError, NotOffered, SagaNotFound
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Completed, Failure, Retry, Unknown
from orchestrator.ports.sink import NotTaken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from orchestrator.engine.bindings.binding import Binding, Bindings
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.observer import HoldingObserver
    from orchestrator.ports.outbox import KeptEvent
    from orchestrator.ports.sink import Sink

_BEAT_SECONDS: Final = 2.0
_PASSED_ON_SECONDS: Final = 3.0
"""How long the end of a workflow waits for a collector that is away. Nobody who asks for the saga does."""
_TURN_SECONDS: Final = 1.0
"""How long an attempt waits for its turn at a participant that is down or busy, before its saga backs off."""


class Children(Protocol):
    """What an activity asks of sagas."""

    async def entries(self, saga_id: str) -> list[Entry]:
        """The journal of a saga; empty where there is none."""

    async def wait(self, saga_id: str, seconds: float) -> SagaState:
        """A saga once it has ended or is suspended, or as it stands after so many seconds."""

    async def roll_back_child(self, saga_id: str, tombstone: bytes) -> None:
        """Roll a child back, also where it has completed; where it was never started, write that down."""

    async def release_child(self, saga_id: str) -> None:
        """Let a child that has completed end: its parent will not roll it back."""

    async def has_told(self, saga_id: str, sink: str) -> bool:
        """Whether a saga has told a sink all that it tells by itself."""


class Activities:
    """The activities of one worker process.

    Args:
        bindings: the commands, each with the way to its participant and its circuit breaker.
        observer: sees what is durable.
        clock: the time.
        children: the sagas of this engine.
        sinks: whom events are told to.
    """

    def __init__(
        self,
        bindings: Bindings,
        observer: HoldingObserver,
        clock: Clock,
        children: Children,
        sinks: Iterable[Sink] = (),
    ) -> None:
        self._bindings = bindings
        self._observer = observer
        self._clock = clock
        self._children = children
        self._sinks = {sink.name: sink for sink in sinks}

    def all(self) -> Sequence[Callable[..., Awaitable[object]]]:
        """All of them, for a worker."""
        return [
            self.send_command,
            self.await_child,
            self.roll_back_child,
            self.release_children,
            self.tell,
            self.keep,
            self.publish_events,
        ]

    @activity.defn(name=names.SEND_COMMAND)
    async def send_command(self, about: bytes, request: bytes, delta: bytes) -> bytes:  # noqa: ARG002 - it is in the history
        """Make one attempt at a command; its outcome, as :class:`~orchestrator.engine.temporal.wire.Answered`.

        Args:
            about: the rpc, its metadata and its timeout.
            request: serialized.
            delta: the entries that go into the history with it.
        """
        asked = read(about)
        metadata = tuple((name, value) for name, value in asked["metadata"])
        async with heartbeats():
            binding = self._bindings.by_name(asked["method"])
            if binding is None:
                outcome: Outcome = Retry(Failure(StatusCode.UNIMPLEMENTED, f"{asked['method']} is not served here"))
            else:
                outcome = await self._attempt(binding, request, metadata, asked["timeout"])
        return self._answer(outcome)

    @activity.defn(name=names.AWAIT_CHILD)
    async def await_child(self, about: bytes, request: bytes, delta: bytes) -> bytes:  # noqa: ARG002 - it is in the history
        """Wait for the end of a child that was started; what that is to its parent."""
        asked = read(about)
        known = dict(asked["metadata"])
        async with heartbeats():
            try:
                outcome = child_outcome(await self._children.wait(known["child-id"], asked["timeout"]))
            except (JournalError, SagaNotFound) as error:
                outcome = _unavailable(error)
        return self._answer(outcome)

    @activity.defn(name=names.ROLL_BACK_CHILD)
    async def roll_back_child(self, about: bytes, request: bytes, delta: bytes) -> bytes:  # noqa: ARG002 - it is in the history
        """Roll a child back, or write down that it never ran; what that comes to."""
        asked = read(about)
        known = dict(asked["metadata"])
        child_id, tombstone = known["child-id"], bytes_of(known["child-tombstone"])
        async with heartbeats():
            try:
                await self._children.roll_back_child(child_id, tombstone or b"")
                outcome = rollback_outcome(await self._children.wait(child_id, asked["timeout"]))
            except (JournalError, NotOffered) as error:
                outcome = _unavailable(error)
        return self._answer(outcome)

    @activity.defn(name=names.RELEASE_CHILDREN)
    async def release_children(self, about: bytes) -> None:
        """Let the children of a saga that has completed end, and theirs."""
        for child_id in read(about)["ids"]:
            await self._children.release_child(child_id)

    @activity.defn(name=names.TELL)
    async def tell(self, about: bytes, journal: bytes) -> None:
        """Tell the observer what is new in a journal: spans, with the same ids in every process, and metrics.

        It counts as told once the spans have left this process: one that is killed before that has told nothing.

        Args:
            about: how many entries it was told before, and how many there are.
            journal: all of them, or those that are not in the history yet, or nothing.
        """
        asked, saga_id = read(about), activity.info().workflow_id
        assert saga_id is not None
        told, until = asked["told"], asked["until"]
        first, entries = read_delta(journal) if journal else (until, [])
        if first:
            entries = (await self._children.entries(saga_id))[:until]
        if told:
            self._observer.recovered(saga_id, entries[:told], told=True)
        self._observer.journalled(fold(saga_id, entries), entries[told:])
        async with heartbeats():
            await self._observer.passed_on(_PASSED_ON_SECONDS)

    @activity.defn(name=names.KEEP)
    async def keep(self, piece: bytes) -> None:
        """Nothing: a piece of the journal is in the history, because this was asked for."""

    @activity.defn(name=names.PUBLISH)
    async def publish_events(self, about: bytes, events: bytes, delta: bytes) -> int:  # noqa: ARG002 - it is in the history
        """Tell a sink events, in their order, until one is not taken; how many were.

        Raises:
            ApplicationError: not one was; the server tries again.
        """
        name = read(about)["sink"]
        sink = self._sinks.get(name)
        if sink is None:
            raise ApplicationError(f"ORCHESTRATOR_EVENTS_SINKS of this process names no {name}", type="NO_SUCH_SINK")
        wanted = read_events(events)
        async with heartbeats():
            for taken, event in enumerate(wanted):
                failure = await self._tell(sink, event)
                if failure is not None and taken:
                    return taken
                if failure is not None:
                    raise _not_taken(failure)
        return len(wanted)

    async def _tell(self, sink: Sink, event: KeptEvent) -> NotTaken | None:
        """Tell a sink an event, if it wants it; that of a child once the child has told all that it tells by itself."""
        if not sink.wants(event.event.type):
            return None
        child_id = event.event.saga_id
        if child_id != activity.info().workflow_id and not await self._children.has_told(child_id, sink.name):
            return NotTaken(f"{child_id} still tells what came before", answered=False)
        return await sink.tell(event)

    async def _attempt(
        self,
        binding: Binding,
        request: bytes,
        metadata: tuple[tuple[str, str], ...],
        timeout: float,  # noqa: ASYNC109 - sent along
    ) -> Outcome:
        breaker, reached = binding.breaker, True
        if not breaker.try_enter():
            try:
                async with asyncio.timeout(_TURN_SECONDS):
                    await breaker.enter()
            except TimeoutError:
                state = "down" if breaker.is_open else "busy"
                return Retry(Failure(StatusCode.UNAVAILABLE, f"{binding.command.service} is {state}", "NOT_SENT_YET"))
        try:
            outcome = await binding.caller(request, metadata, timeout)
            reached = not (
                isinstance(outcome, Unknown)
                and outcome.failure.code is StatusCode.UNAVAILABLE
                and not outcome.failure.reason
            )
        finally:
            breaker.leave(reached=reached)
        return outcome

    def _answer(self, outcome: Outcome) -> bytes:
        answer = write_answer(Answered(outcome, self._clock.now()))
        if isinstance(outcome, Completed) and len(answer) > names.MOST_PAYLOAD_BYTES:
            return self._answer(Unknown(too_large("the reply", len(answer)), final=True))
        return answer


def _not_taken(failure: NotTaken) -> ApplicationError:
    """An event that was refused is logged at each try; that nobody takes any, the sink logs by itself, once."""
    pause = timedelta(seconds=failure.retry_after) if failure.retry_after else None
    kind = ApplicationErrorCategory.UNSPECIFIED if failure.answered else ApplicationErrorCategory.BENIGN
    return ApplicationError(failure.error, type="NOT_TAKEN", next_retry_delay=pause, category=kind)


def _unavailable(error: Exception) -> Unknown:
    return Unknown(Failure(StatusCode.UNAVAILABLE, str(error), "JOURNAL_UNAVAILABLE"))


@contextlib.asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Tell the server now and then that this process lives: without it, the attempt is lost, and that is noticed."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)  # first: a heartbeat is a transaction of the server
            activity.heartbeat()

    beating = asyncio.ensure_future(beat())
    try:
        yield
    finally:
        beating.cancel()
