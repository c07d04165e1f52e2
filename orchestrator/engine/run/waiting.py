"""What a saga waits for: before it sends something, or because its code says so.

The former is known to the executor of a live saga, and never journalled; it is noted only where a wait really begins,
so that a saga on its way pays nothing. The latter is in the journal, and so known of every saga, wherever it is.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.state import ENDED
from orchestrator.journal.waiting import open_waits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.state import SagaState


def code_waits(state: SagaState) -> list[Waiting]:
    """What the code of a saga that goes forward waits for, in the order in which that began."""
    if state.rollback or state.status in ENDED:
        return []
    return [
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
            reason = WaitReason.PARTICIPANT_DOWN if self.breaker.is_open else WaitReason.PARTICIPANT_BUSY
            until = self.breaker.next_check_at if self.breaker.is_open else 0
            since = self.breaker.down_since if self.breaker.is_open else since
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
