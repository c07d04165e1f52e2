"""Delivers one command: its attempts, the backoff between them, and what is known in the end.

::

    circuit breaker ──▶ attempt ──▶ completed ──▶ done
     ▲                    │
     │                    ├───▶ rejected ───▶ done
     │                    ▼
    backoff ◀──────── retry, unknown ──▶ (attempts spent) as the contract's on_unknown says

Invariant: an answer speaks for its own attempt. Once an attempt may have had an effect, a later rejection ends the
delivery as unknown (see :mod:`~orchestrator.engine.run.sending.weighing`), unless the participant's guard itself
rejects; between us and it stand proxies, meshes and wrong backends, and they answer, too.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.engine.run import failpoints
from orchestrator.engine.run.sending.queued_attempts import QueuedAttempts, Resting
from orchestrator.engine.run.sending.reached import reached
from orchestrator.engine.run.sending.retry import delay_before
from orchestrator.engine.run.sending.waiting import Wait
from orchestrator.engine.run.sending.weighing import weighed
from orchestrator.engine.run.time_limit import time_limits
from orchestrator.journal.entries import AttemptFailed
from orchestrator.journal.keys import idempotency_key
from orchestrator.journal.outcome import Completed, Rejected, Retry, Unknown
from orchestrator.journal.trace_ids import attempt_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from orchestrator.engine.bindings.binding import Binding
    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.engine.run.sending.backoff import InterruptibleBackoff
    from orchestrator.engine.run.stop_control import StopControl
    from orchestrator.journal.outcome import Failure, Outcome
    from orchestrator.journal.state import Delivery, SagaState
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.queued import QueuedAttempt
    from orchestrator.ports.random import RandomSource


_SHORTEST_SECONDS: Final = 0.001


class Attempted(NamedTuple):
    """The end of a delivery.

    Attributes:
        outcome: what came of the latest attempt.
        attempt: its number.
        started_at: when it started, nanoseconds since the epoch, UTC.
    """

    outcome: Outcome
    attempt: int
    started_at: int


class ToSend(NamedTuple):
    """A command or a compensation that is to be sent: what is the same at every attempt.

    Attributes:
        binding: what to deliver, and how.
        key: the key of the command or compensation.
        request: the serialized request.
        timeout: seconds that one attempt may take.
        gives_up: the attempts are limited.
        about: further metadata, such as ``compensates``.
        until: when every attempt ends at the latest, nanoseconds since the epoch, UTC; 0 for never.
        late: takes the outcome of an attempt on which the saga's code has given up, as a ``TaskGroup`` does.
        unsent: is told that the saga stops before there was any attempt.
    """

    binding: Binding
    key: str
    request: bytes
    timeout: float
    gives_up: bool
    about: tuple[tuple[str, str], ...] = ()
    until: int = 0
    late: Callable[[Attempted], None] | None = None
    unsent: Callable[[], None] | None = None

    @property
    def most_attempts(self) -> int:
        """One of a command that is not idempotent: a second one would be sent blindly."""
        return self.binding.command.retry.attempts if self.binding.command.idempotent else 1


class CommandSender:
    """Delivers the commands and compensations of one saga.

    Attributes:
        latest: the number and the start of the latest attempt that was made here, by the key of what is delivered.
        queued: those attempts that are made over queues.
    """

    __slots__ = ("_backoff", "_clock", "_random_source", "_stop_control", "_writer", "latest", "queued")

    def __init__(
        self,
        writer: SagaWriter,
        stop_control: StopControl,
        backoff: InterruptibleBackoff,
        clock: Clock,
        random_source: RandomSource,
    ) -> None:
        self._writer = writer
        self._stop_control = stop_control
        self._backoff = backoff
        self._clock = clock
        self._random_source = random_source
        self.latest: dict[str, tuple[int, int]] = {}
        self.queued = QueuedAttempts(writer, stop_control, clock)

    async def send(self, what: ToSend, delivery: Delivery, *, in_doubt: bool = False) -> Attempted:
        """Attempt until the outcome is definite or, where it gives up, the contract's attempts are spent.

        Args:
            what: the command or compensation.
            delivery: what the journal knows of earlier attempts.
            in_doubt: an earlier attempt may have had an effect.
        """
        binding, key = what.binding, what.key
        if binding.queued is None and delivery.in_queue is not None:  # it was a queue that delivered this
            in_doubt = True
            if not binding.command.idempotent:
                await self.outlast(binding, key, delivery)
        failing_since = 0
        while True:
            attempt = self.queued.number_of(binding, delivery)
            spent = attempt >= what.most_attempts
            if self._stop_control.stop is not None or not binding.breaker.try_enter():
                await self._pass(binding, key, attempt, delivery.failure, what.unsent if attempt == 1 else None)
            weigh = partial(weighed, binding=binding, in_doubt=in_doubt, spent=spent)
            started_at, answer = await self._attempt(what, delivery, attempt, weigh)
            if isinstance(answer, Resting):
                answer = await self.queued.rest(key, delivery, answer)
            failpoints.reach("answered", key)
            outcome = weigh(answer)
            if isinstance(outcome, (Completed, Rejected)) or (what.gives_up and spent):
                return Attempted(outcome, attempt, started_at)
            if isinstance(outcome, Unknown) and outcome.final:
                return Attempted(outcome, attempt, started_at)
            harmless = isinstance(outcome, Retry)
            in_doubt = in_doubt or not harmless
            self._writer.record(AttemptFailed(self._clock.now(), key, attempt, started_at, outcome.failure, harmless))
            # Durable before the next one, so that no two attempts ever share a number, and so a span.
            await self._stop_control.persist(self._writer)
            failing_since = failing_since or started_at
            await self.back_off(binding, key, attempt + 1, outcome, failing_since)

    async def _attempt(
        self, what: ToSend, delivery: Delivery, attempt: int, weigh: Callable[[Outcome], Outcome]
    ) -> tuple[int, Outcome | Resting]:
        """Make one attempt, admitted; when it started, and its answer."""
        by_queue = self.queued.next_of(what.binding, delivery, what.timeout, what.until)
        started_at = self._clock.now() if by_queue is None else by_queue.started_at
        limit = what.timeout
        if what.until and by_queue is None:
            limit = max(_SHORTEST_SECONDS, min(limit, (what.until - started_at) / 1e9))
        self.latest[what.key] = attempt, started_at
        call = self._call(what.binding, what.request, self._metadata(what.key, attempt, what.about), limit, by_queue)
        if self._stop_control.is_own_task() and not time_limits.get():
            # Only the stop control stops the saga's own task, and it waits for answers.
            return started_at, await call
        late = partial(self._hand_late, what, delivery, weigh, attempt, started_at)
        return started_at, await self._answer(call, late)

    async def ask(
        self, binding: Binding, key: str, request: bytes, attempt: int, about: tuple[tuple[str, str], ...]
    ) -> Completed | Rejected | Unknown:
        """Ask a query about a command until there is an answer; a reply that cannot be used is asked for a few times.

        Args:
            binding: the query.
            key: the key of the command; the query is part of its latest attempt's trace.
            request: the serialized request.
            attempt: the number of that attempt.
            about: further metadata: ``verifies``.
        """
        asked, asking_since = 1, self._clock.now()
        while True:
            if self._stop_control.stop is not None or not binding.breaker.try_enter():
                await self._pass(binding, key, asked)
            answer = await self._call(binding, request, self._metadata(key, attempt, about), binding.timeout)
            assert not isinstance(answer, Resting)
            outcome = weighed(answer, binding, in_doubt=False, spent=asked >= binding.command.retry.attempts)
            if isinstance(outcome, (Completed, Rejected)) or (isinstance(outcome, Unknown) and outcome.final):
                return outcome
            asked += 1
            await self.back_off(binding, key, asked, outcome, asking_since)

    async def outlast(self, binding: Binding, key: str, delivery: Delivery) -> None:
        """Wait until what a queue may hold of a command has its answer, or may be executed no more.

        Args:
            binding: the command.
            key: its key.
            delivery: how far it has come.
        """
        now, until = self._clock.now(), delivery.may_be_executed_until(binding.held_seconds)
        if until <= now:
            return
        attempt = self.queued.number_of(binding, delivery)
        with self._backoff.waits.during(Wait(key, binding.command.service, attempt, now, until)):
            await self.queued.outlast(binding, delivery, self._metadata(key, attempt, ()))

    async def back_off(
        self, binding: Binding, key: str, attempt: int, outcome: Retry | Unknown, failing_since: int
    ) -> None:
        """Wait as the contract says before this attempt, or until an operator wants it now.

        Args:
            binding: what is to be attempted again.
            key: the key of the command or compensation.
            attempt: the number of the attempt that is to come.
            outcome: of the latest one.
            failing_since: when the first of those that failed in a row started, nanoseconds since the epoch, UTC.
        """
        delay = delay_before(binding.command.retry, attempt, self._random_source(), outcome.retry_after)
        until = self._clock.now() + int(delay * 1e9)
        wait = Wait(key, binding.command.service, attempt, failing_since, until, outcome.failure)
        with self._backoff.waits.during(wait):
            await self._stop_control.interruptible(self._backoff.sleep(self._clock, delay))

    async def _pass(
        self,
        binding: Binding,
        key: str,
        attempt: int,
        failure: Failure | None = None,
        stopped: Callable[[], None] | None = None,
    ) -> None:
        """Wait to be admitted to the participant; does not return where the saga is to stop, and tells ``stopped``."""
        try:
            await self._admitted(binding, key, attempt, failure)
        except asyncio.CancelledError:
            if stopped is not None:
                stopped()
            raise

    async def _admitted(self, binding: Binding, key: str, attempt: int, failure: Failure | None) -> None:
        if self._stop_control.stop is not None:
            await self._stop_control.await_cancellation()
        breaker = binding.breaker
        wait = Wait(key, binding.command.service, attempt, self._clock.now(), failure=failure, breaker=breaker)
        with self._backoff.waits.during(wait):
            await self._stop_control.interruptible(breaker.enter())
        if self._stop_control.stop is not None:
            breaker.leave(reached=True)
            await self._stop_control.await_cancellation()

    async def _call(
        self,
        binding: Binding,
        request: bytes,
        metadata: tuple[tuple[str, str], ...],
        timeout: float,  # noqa: ASYNC109 - sent along
        by_queue: QueuedAttempt | None = None,
    ) -> Outcome | Resting:
        """Make one attempt, admitted."""
        is_reached = True
        self._stop_control.enter()
        try:
            if by_queue is None or binding.queued is None:
                outcome: Outcome | Resting = await binding.caller(request, metadata, timeout)
            else:
                outcome = await self.queued.begun(binding.queued, request, metadata, timeout, by_queue)
            is_reached = reached(outcome)
            return outcome
        finally:
            binding.breaker.leave(reached=is_reached)
            self._stop_control.leave()

    async def _answer(
        self, call: Coroutine[Any, Any, Outcome | Resting], late: Callable[[asyncio.Future[Outcome | Resting]], None]
    ) -> Outcome | Resting:
        """The outcome of a branch's attempt in flight; ``late`` takes it where the branch gives up waiting."""
        self._stop_control.enter()
        answer = asyncio.ensure_future(call)
        try:
            outcome = await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(late)
            raise
        self._stop_control.leave()
        return outcome

    def _hand_late(
        self,
        what: ToSend,
        delivery: Delivery,
        weigh: Callable[[Outcome], Outcome],
        attempt: int,
        started_at: int,
        call: asyncio.Future[Outcome | Resting],
    ) -> None:
        answer = None if call.cancelled() else call.result()
        if isinstance(answer, Resting):
            answer.answer.cancel()  # it is in doubt, and the queue goes on to hold it
            self.queued.note(what.key, delivery, answer.attempt)
        elif what.late is not None and answer is not None:
            what.late(Attempted(weigh(answer), attempt, started_at))
        self._stop_control.leave()

    def _metadata(self, key: str, attempt: int, about: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        state: SagaState = self._writer.state
        metadata = (("idempotency-key", idempotency_key(state.saga_id, key)), ("saga-id", state.saga_id), *about)
        traceparent = attempt_traceparent(state.saga_id, state.traceparent, state.sampled, key, attempt)
        return (*metadata, ("traceparent", traceparent)) if traceparent else metadata
