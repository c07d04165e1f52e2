"""Delivers one command: attempts, backoff, and the honest end.

::

    attempt ──▶ completed ──▶ done
       ▲  │
       │  ├───▶ rejected ───▶ done
       │  ▼
    backoff ◀── unknown ──▶ (attempts spent) as the contract's on_unknown says
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engine import failpoints
from orchestrator.engine.entries import AttemptFailed
from orchestrator.engine.outcome import Completed, Rejected, Unknown
from orchestrator.engine.retry import delay_before
from orchestrator.engine.trace import attempt_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.bindings import Binding
    from orchestrator.engine.outcome import Outcome
    from orchestrator.engine.ports import Chance, Clock
    from orchestrator.engine.state import Delivery, SagaState
    from orchestrator.engine.stopping import Brake
    from orchestrator.engine.writer import SagaWriter


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


class Courier:
    """Delivers the commands and compensations of one saga."""

    __slots__ = ("_brake", "_chance", "_clock", "_writer")

    def __init__(self, writer: SagaWriter, brake: Brake, clock: Clock, chance: Chance) -> None:
        self._writer = writer
        self._brake = brake
        self._clock = clock
        self._chance = chance

    async def deliver(
        self,
        binding: Binding,
        key: str,
        request: bytes,
        delivery: Delivery,
        *,
        timeout: float,  # noqa: ASYNC109 - per attempt, and sent along
        gives_up: bool,
        about: tuple[tuple[str, str], ...] = (),
        late: Callable[[Attempted], None] | None = None,
    ) -> Attempted:
        """Attempt until the outcome is definite or, where ``gives_up``, the contract's attempts are spent.

        A command that is not idempotent has one attempt: a second one would be sent blindly.

        Args:
            binding: what to deliver, and how.
            key: the key of the command or compensation.
            request: the serialized request.
            delivery: what the journal knows of earlier attempts.
            timeout: seconds that one attempt may take.
            gives_up: the attempts are limited.
            about: further metadata, such as ``compensates``.
            late: takes the outcome of an attempt on which the saga's code has given up, as a ``TaskGroup`` does.
        """
        most = binding.command.retry.attempts if binding.command.idempotent else 1
        while True:
            attempt = delivery.attempts + 1
            if self._brake.stop is not None:
                await self._brake.park()
            started_at = self._clock.now()
            self._brake.enter()
            call = asyncio.ensure_future(binding.caller(request, self._metadata(key, attempt, about), timeout))
            try:
                # Shielded: the saga's code may give up on the branch that waits here; the answer still counts.
                outcome = await asyncio.shield(call)
            except asyncio.CancelledError:
                call.add_done_callback(partial(self._hand_late, late, attempt, started_at))
                raise
            except BaseException:
                self._brake.leave()
                raise
            self._brake.leave()
            failpoints.reach("answered", key)
            if not isinstance(outcome, Unknown) or (gives_up and attempt >= most):
                return Attempted(outcome, attempt, started_at)
            self._writer.record(AttemptFailed(self._clock.now(), key, attempt, started_at, outcome.failure))
            # Durable before the next one, so that no two attempts ever share a number, hence a span.
            await self._brake.persist(self._writer)
            await self.back_off(binding, attempt + 1, outcome.retry_after)

    async def ask(
        self, binding: Binding, key: str, request: bytes, attempt: int, about: tuple[tuple[str, str], ...]
    ) -> Completed | Rejected:
        """Ask a query about a command until the answer is definite.

        Args:
            binding: the query.
            key: the key of the command; the query is part of its latest attempt's trace.
            request: the serialized request.
            attempt: the number of that attempt.
            about: further metadata: ``verifies``.
        """
        asked = 1
        while True:
            if self._brake.stop is not None:
                await self._brake.park()
            self._brake.enter()
            try:
                outcome = await binding.caller(request, self._metadata(key, attempt, about), binding.timeout)
            finally:
                self._brake.leave()
            if not isinstance(outcome, Unknown):
                return outcome
            asked += 1
            await self.back_off(binding, asked, outcome.retry_after)

    async def back_off(self, binding: Binding, attempt: int, retry_after: float = 0.0) -> None:
        """Wait as the contract says before this attempt."""
        delay = delay_before(binding.command.retry, attempt, self._chance(), retry_after)
        await self._brake.rest(self._clock.sleep(delay))

    def _hand_late(
        self,
        late: Callable[[Attempted], None] | None,
        attempt: int,
        started_at: int,
        call: asyncio.Future[Outcome],
    ) -> None:
        if late is not None and not call.cancelled():
            late(Attempted(call.result(), attempt, started_at))
        self._brake.leave()

    def _metadata(self, key: str, attempt: int, about: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        state: SagaState = self._writer.state
        metadata = (("idempotency-key", idempotency_key(state.saga_id, key)), ("saga-id", state.saga_id), *about)
        traceparent = attempt_traceparent(state.saga_id, state.traceparent, state.sampled, key, attempt)
        return (*metadata, ("traceparent", traceparent)) if traceparent else metadata


def idempotency_key(saga_id: str, key: str) -> str:
    """What a participant sees: the same for every attempt, after every restart and from every replica."""
    return f"{saga_id}/{key}"
