"""What a live saga waits for before it sends something: its next attempt, or its turn at a participant.

It is known to the saga's executor and never journalled; it is noted only where a wait really begins, so that a saga on
its way pays nothing. What a saga waits for as its journal says, :mod:`orchestrator.engine.run.waits.journalled` tells.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal.keys import compensation_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
    from orchestrator.journal.outcome import Failure


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
