"""What follows from a delivery that failed: when it is tried again, and when it is given up. Pure.

A failure may lie in the event or in the sink. An event that the sink answers with an error, or that fails while others
are taken, is tried again with growing pauses, and becomes a dead letter when it has failed for long enough. Where the
sink is away, nothing is given up, however long that lasts: there is nobody who could have taken it. A sink that is
there and refuses everything is told one event at a time, so that most wait until somebody has mended it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.ports.outbox import BlockedSaga
    from orchestrator.ports.sink import NotTaken

_FIRST_PAUSE_SECONDS: Final = 1.0
_FACTOR: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_LONGEST_WISH_SECONDS: Final = 3600.0
_LEAST_ATTEMPTS: Final = 3
_SECOND: Final = 1_000_000_000


def pause_before(attempt: int, failure: NotTaken) -> float:
    """Seconds to wait before an attempt, from 2; as long as the sink asks for, where it does.

    Args:
        attempt: the number of the next attempt.
        failure: how the one before has failed.
    """
    grown = min(_FIRST_PAUSE_SECONDS * _FACTOR ** min(attempt - 2, 30), _LONGEST_PAUSE_SECONDS)
    return max(grown, min(failure.retry_after, _LONGEST_WISH_SECONDS))


def is_given_up(blocked: BlockedSaga, failure: NotTaken, now: int, give_up_after: float, health: SinkHealth) -> bool:
    """Whether an event that has failed once more becomes a dead letter.

    Args:
        blocked: with the attempt that has failed now.
        failure: how.
        now: nanoseconds since the epoch, UTC.
        give_up_after: seconds from the first failure on; where nothing was answered, of which the sink was there.
        health: of the sink.
    """
    if blocked.attempts < _LEAST_ATTEMPTS or now - blocked.first_failed_at < give_up_after * _SECOND:
        return False
    if failure.answered:
        return True
    others_are_taken = health.taken_at > blocked.first_failed_at
    return others_are_taken and now - health.taking_since >= give_up_after * _SECOND


class SinkHealth:
    r"""Whether a sink takes anything at all.

    Invariant: while it does not, one delivery at a time tries whether it does again. An event that the sink refuses
    once more, after it has taken others, says nothing of the sink: the fault lies in the event.

    ::

        healthy ──several sagas in a row fail──▶ failing ──pause──▶ one try ──taken──▶ healthy
                                                   ▲                   │
                                                   └──────failed───────┘

    Attributes:
        failing_since: since when it takes nothing, nanoseconds since the epoch, UTC; ``None`` where it does.
        error: how the latest delivery failed; empty where the latest was taken.
        taken_at: when it has taken an event last; 0 for never.
        taking_since: when it has taken one again after it took nothing; 0 where that was never seen.
    """

    _ENOUGH: Final = 5

    def __init__(self) -> None:
        self.failing_since: int | None = None
        self.error = ""
        self.taken_at = self.taking_since = 0
        self._failed: dict[str, int] = {}
        self._tries = self._try_again_at = 0

    def note_taken(self, now: int) -> None:
        """It has taken an event."""
        if self.failing_since is not None:
            self.taking_since = now
        self.failing_since, self.error, self.taken_at = None, "", now
        self._failed.clear()
        self._tries = self._try_again_at = 0

    def note_failed(self, saga_id: str, failure: NotTaken, now: int, since: int | None = None) -> None:
        """It has not taken an event of this saga.

        Args:
            saga_id: the saga.
            failure: how.
            now: nanoseconds since the epoch, UTC.
            since: when the event has failed first, as far as is known; ``None`` for now.
        """
        self.error = failure.error
        is_known = failure.answered and since is not None and since < self.taken_at
        if self.failing_since is None and is_known:
            return
        self._failed.setdefault(saga_id, now)
        if self.failing_since is None and len(self._failed) < self._ENOUGH:
            return
        if self.failing_since is None:
            self.failing_since = min(self._failed.values())
        if now >= self._try_again_at:  # else it was under way before
            self._tries += 1
        self._try_again_at = max(self._try_again_at, now + int(pause_before(self._tries + 1, failure) * _SECOND))

    def has_failed(self, saga_id: str) -> bool:
        """Whether an event of this saga has failed since the sink has taken one last."""
        return saga_id in self._failed

    def may_try(self, now: int) -> bool:
        """Whether something may be told now; while it fails, one event."""
        return self.failing_since is None or now >= self._try_again_at

    def seconds_to_try(self, now: int) -> float:
        """How long to wait until then."""
        return 0.0 if self.failing_since is None else max(0.0, (self._try_again_at - now) / _SECOND)
