"""What a saga waits for: before it sends something, because its code says so, or because it is queued.

The first is known to the executor of a live saga, and never journalled; it is noted only where a wait really begins,
so that a saga on its way pays nothing. The others are in the journal, and so known of every saga, wherever it is.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.state import ENDED
from orchestrator.journal.waiting import open_waits, queued_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.state import Delivery, SagaState


def journalled_waits(state: SagaState) -> list[Waiting]:
    """What a saga that goes forward waits for as its journal says: its turn, or what its code waits for, in order."""
    if state.status in ENDED:
        return []
    if state.rollback:
        return _answers(state)
    if state.queued is not None:
        return [Waiting(WaitReason.QUEUED, "", "", 0, state.queued.since, 0, None)]
    return [
        *_answers(state),
        *(
            Waiting(
                WaitReason.SIGNAL if wait.signal else WaitReason.TIMER,
                wait.key,
                "",
                0,
                wait.began_at,
                wait.due_at,
                None,
                wait.signal,
                wait.message_type,
            )
            for wait in open_waits(state)
        ),
    ]


def _answers(state: SagaState) -> list[Waiting]:
    """What it waits for that comes by a queue: the answers to its compensations, or else to its commands."""
    sendings: list[tuple[str, str, Delivery]] = [
        (command.key, command.compensation.method, command.compensation)
        for command in state.commands.values()
        if command.compensation is not None and command.compensation.in_queue is not None
    ]
    if not state.rollback:
        sendings += [(command.key, command.method, command) for command in queued_commands(state)]
    return [
        Waiting(
            WaitReason.ANSWER,
            key,
            method.rpartition(".")[0],
            sending.in_queue.attempt,
            sending.in_queue.started_at,
            sending.in_queue.expires_at,
            sending.failure,
        )
        for key, method, sending in sendings
        if sending.in_queue is not None
    ]


class Wait(NamedTuple):
    """A wait as it began; how the circuit breaker stands now, it tells itself.

    Attributes:
        breaker: whose turn is awaited; ``None`` for a backoff.
    """

    key: str
    service: str
    attempt: int
    since: int
    until: int = 0
    failure: Failure | None = None
    breaker: CircuitBreaker | None = None

    def now(self) -> Waiting:
        """How it stands."""
        reason, since, until = WaitReason.BACKOFF, self.since, self.until
        if self.breaker is not None:
            reason, until = WaitReason.PARTICIPANT_BUSY, 0
            if self.breaker.is_open:
                reason, since, until = WaitReason.PARTICIPANT_DOWN, self.breaker.down_since, self.breaker.next_check_at
            elif self.breaker.is_paced:
                reason, until = WaitReason.RATE, self.breaker.paced_until
        key = self.key.removeprefix(compensation_key(""))
        return Waiting(reason, key, self.service, self.attempt, since, until, self.failure)


class Waits:
    """The waits of one saga, forward and backward."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun: list[Wait] = []

    @contextlib.contextmanager
    def during(self, wait: Wait) -> Iterator[None]:
        """It waits so long as the block lasts."""
        self._begun.append(wait)
        try:
            yield
        finally:
            self._begun.remove(wait)

    def now(self) -> list[Waiting]:
        """All of them as they stand, in the order in which they began."""
        return [wait.now() for wait in self._begun]
