"""Commands that wait in a queue, and the answers that come by one: the participant may be away for as long as it takes.

An attempt over a queue outlives the process that made it. Its message is named by the idempotency key and the number of
the attempt, so a replica that advances the saga later finds the answer to it, and need not send anything again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from orchestrator.ports.channel import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.journal.outcome import Outcome

LATE_SECONDS: Final = 5.0
"""So much later than its instant and the time of its execution, an answer may still come."""


class QueuedAttempt:
    """One attempt to deliver a command over a queue.

    Args:
        saga_id: the saga's.
        number: of the attempt, from 1.
        started_at: when it was published first, as far as is known: this and the following in nanoseconds since the
            epoch, UTC.
        expires_at: from when on it is not to be begun.
        until: from when on no answer is waited for.
        resumed: an earlier process may have published it: its answer is looked for first.
        publish: it is published now; where it was, the queue drops it.
        sole: the participant executes as many messages as it gets, so no other attempt may be made while this one may
            be executed: once it may have been published, it counts as queued, acknowledged or not.

    Attributes:
        is_queued: the queue holds the command, or held it: it has said so or, of a sole attempt, it may. Set by the
            channel.
    """

    __slots__ = ("expires_at", "is_queued", "number", "publish", "resumed", "saga_id", "sole", "started_at", "until")

    def __init__(
        self,
        saga_id: str,
        number: int,
        started_at: int,
        expires_at: int,
        until: int,
        *,
        resumed: bool = False,
        publish: bool = True,
        sole: bool = False,
    ) -> None:
        self.saga_id = saga_id
        self.number = number
        self.started_at = started_at
        self.expires_at = expires_at
        self.until = until
        self.resumed = resumed
        self.publish = publish
        self.sole = sole
        self.is_queued = not publish


@runtime_checkable
class QueuedCaller(Caller, Protocol):
    """Delivers one command over a queue.

    Attributes:
        queue_seconds: for how long the command may wait there before it is begun.
    """

    queue_seconds: float

    async def queue(
        self,
        request: bytes,
        metadata: tuple[tuple[str, str], ...],
        timeout: float,  # noqa: ASYNC109 - of one execution; it travels with the command
        attempt: QueuedAttempt,
    ) -> Outcome:
        """Publish a command, and wait for its answer until the attempt says.

        Of a sole attempt that may have been published, nothing else comes back before that. An answer that says that
        the command expired in the queue is a ``Retry``. Raises nothing but CancelledError, after which the command may
        still be executed.
        """

    async def is_answered(self, saga_id: str, idempotency_key: str, number: int) -> bool:
        """Whether the answer to an attempt is there; ``False`` where that cannot be told now."""


class Answered(NamedTuple):
    """An answer that has come by a queue.

    Attributes:
        saga_id: whose command it answers.
        is_to: whether it answers this attempt: by the idempotency key of what was sent, and the attempt's number.
        done: to be called when nobody needs to be told of it any more; else it is told again after a while, to
            whichever replica is there then.
    """

    saga_id: str
    is_to: Callable[[str, int], bool]
    done: Callable[[], object]


class Answers(Protocol):
    """Tells the replicas of a group which sagas are answered: each answer to one of them."""

    async def come(self) -> Sequence[Answered]:
        """Those that have come since the last call, as soon as there is one. One caller at a time. Raises nothing."""
