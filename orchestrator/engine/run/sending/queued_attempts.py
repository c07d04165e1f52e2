r"""Attempts over a queue: which one is to be made or resumed, and how its answer is waited for.

Purpose: the participant may be away for hours, and the saga then costs neither memory nor a claim. Invariant: as long
as an answer to an attempt may come, no other attempt is made; not after a crash, and not by another replica.

::

    published ──its answer comes within a moment──▶ the outcome, as that of a call
        │ it does not
        ▼
    CommandQueued, durable ──▶ it rests, and may be parked ──woken: the answer is there, or comes no more──▶ resumed
        ▲                          └── its answer comes ──▶ the outcome
        │
    resumed: the answer is looked for before anything is sent

Within that moment the attempt counts as in flight, so that a rollback knows its outcome; later, nobody waits for it who
wants the saga to stop. So it is with one that is resumed while the queue itself is away: but that is not noted, for it
may not have been published, and it would not be published once it is noted.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.engine.run.first_done import first_done
from orchestrator.journal.entries import CommandQueued
from orchestrator.ports.queued import LATE_SECONDS, QueuedAttempt, QueuedCaller

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from orchestrator.engine.bindings.binding import Binding
    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.engine.run.stop_control import StopControl
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import Delivery
    from orchestrator.ports.clock import Clock

REST_AFTER_SECONDS: Final = 2.0
"""For so long an attempt counts as in flight; then it rests in its queue."""

_SHORTEST: Final = 1_000_000


class Resting(NamedTuple):
    """An attempt that a queue holds, or may hold from before, and whose answer was not there after a moment."""

    attempt: QueuedAttempt
    answer: asyncio.Future[Outcome]


class QueuedAttempts:
    """The attempts of one saga over queues.

    Attributes:
        resting: how many of them rest at this moment.
        on_rest: called when one begins to.
    """

    __slots__ = ("_clock", "_stop_control", "_writer", "on_rest", "resting")

    def __init__(self, writer: SagaWriter, stop_control: StopControl, clock: Clock) -> None:
        self._writer = writer
        self._stop_control = stop_control
        self._clock = clock
        self.resting = 0
        self.on_rest: Callable[[], None] | None = None

    @staticmethod
    def number_of(binding: Binding, delivery: Delivery) -> int:
        """The number of the attempt that is to be made, or resumed."""
        return delivery.attempt_by_call if binding.queued is None else delivery.attempt_by_queue

    def next_of(self, binding: Binding, delivery: Delivery, timeout: float, until: int) -> QueuedAttempt | None:
        """The attempt that is to be made, or resumed; ``None`` where the command is not delivered over a queue.

        Args:
            binding: the command.
            delivery: what the journal knows of earlier attempts.
            timeout: seconds that one execution may take.
            until: when every attempt ends at the latest, nanoseconds since the epoch, UTC; 0 for never.
        """
        if binding.queued is None:
            return None
        saga_id, held = self._writer.state.saga_id, delivery.in_queue
        # The queue drops what it was given before, but for a limited time: only a guard makes it once after that.
        sole = not (binding.command.idempotent or binding.is_query)
        if held is not None:
            started_at, expires_at, ends_at = held.started_at, held.expires_at, held.until
            return QueuedAttempt(
                saga_id, held.attempt, started_at, expires_at, ends_at, resumed=True, publish=False, sole=sole
            )
        resumed, started_at = delivery.interrupted, self._clock.now()
        # What nobody has noted may be published now, with the whole time: it may not have been before. Else it was
        # published before its process was found dead. After its intent, it may have waited for its turn for long.
        since = resumed.at if resumed is not None and sole else started_at
        expires_at = since + int(binding.queued.queue_seconds * 1e9)
        if until:
            expires_at = max(min(expires_at, until), since + _SHORTEST)
        ends_at = expires_at + int((timeout + LATE_SECONDS) * 1e9)
        number, publish = self.number_of(binding, delivery), resumed is None or not sole
        return QueuedAttempt(
            saga_id, number, started_at, expires_at, ends_at, resumed=resumed is not None, publish=publish, sole=sole
        )

    async def begun(
        self,
        caller: QueuedCaller,
        request: bytes,
        metadata: tuple[tuple[str, str], ...],
        timeout: float,  # noqa: ASYNC109 - of one execution; it travels with the command
        attempt: QueuedAttempt,
    ) -> Outcome | Resting:
        """Make or resume an attempt: its outcome, or after a moment, that it rests."""
        answer = asyncio.ensure_future(caller.queue(request, metadata, timeout, attempt))
        try:
            while not answer.done():
                await self._moment(answer)
                if (attempt.is_queued or attempt.resumed) and not answer.done():
                    return Resting(attempt, answer)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        return answer.result()

    async def _moment(self, answer: asyncio.Future[Outcome]) -> None:
        """Wait for a moment, or until the answer is there."""
        pause = asyncio.ensure_future(self._clock.sleep(REST_AFTER_SECONDS))
        try:
            await first_done(answer, pause)
        finally:
            pause.cancel()

    async def outlast(self, binding: Binding, delivery: Delivery, metadata: tuple[tuple[str, str], ...]) -> None:
        """Wait until what a queue was given of this is answered, or may be executed no more.

        Args:
            binding: the command; one of which no other attempt may be made.
            delivery: how far it has come.
            metadata: of the attempt.
        """
        until = delivery.may_be_executed_until(binding.held_seconds)
        waiting: Coroutine[Any, Any, object] = self._clock.sleep((until - self._clock.now()) / 1e9)
        attempt = self.next_of(binding, delivery, binding.timeout, 0)
        if binding.queued is not None and attempt is not None:  # it is listened for, and not published
            waiting.close()
            waiting = binding.queued.queue(b"", metadata, binding.timeout, attempt)
        answer = asyncio.ensure_future(waiting)
        try:
            await self._stop_control.interruptible(first_done(answer))
        finally:
            answer.cancel()

    def note(self, key: str, delivery: Delivery, attempt: QueuedAttempt) -> None:
        """Journal that a queue holds an attempt, unless that is journalled, or is not known."""
        if delivery.in_queue is None and attempt.is_queued:
            at, number, started_at = self._clock.now(), attempt.number, attempt.started_at
            self._writer.record(CommandQueued(at, key, number, started_at, attempt.expires_at, attempt.until))

    async def rest(self, key: str, delivery: Delivery, resting: Resting) -> Outcome:
        """Wait for the answer to an attempt that rests, as long as nobody stops the saga or parks it."""
        attempt, answer = resting
        try:
            while not (attempt.is_queued or answer.done()):  # the queue is away: nothing is parked for its sake
                await self._stop_control.interruptible(self._moment(answer))
            if answer.done():
                return answer.result()
            if delivery.in_queue is None:
                self.note(key, delivery, attempt)
                await self._stop_control.persist(self._writer)
            self.resting += 1
            try:
                if self.on_rest is not None:
                    self.on_rest()
                await self._stop_control.interruptible(first_done(answer))
            finally:
                self.resting -= 1
            return answer.result()
        finally:
            answer.cancel()
