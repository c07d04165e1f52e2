r"""The outbox: the events that sagas have told, and how far each sink has been told of them.

Purpose: an event stands here if and only if the entries that tell it stand, because the same append writes both; see
:class:`~orchestrator.ports.journal.Append`. Invariant: events are numbered from 1 without a gap, in an order that never
changes, and none gets a number below one that was given out; so who reads on after the last position misses none,
also where transactions overtake one another. Events of one saga keep their order.

One relay at a time has the claim to a sink. What it notes is fenced by its token, as appends are.

::

    position 1 ... ──told, refused or passed over──▶ position of the sink ──not read yet──▶ newest
                              │
                              ├─ blocked: this event was not taken, so the later ones of its saga wait for it
                              └─ dead letter: it was given up; the later ones have gone on without it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from orchestrator.journal.events import OutboxEvent


class KeptEvent(NamedTuple):
    """An event and its place: in the order of all, or where there is no outbox, in the order of its saga's."""

    position: int
    event: OutboxEvent


class BlockedSaga(NamedTuple):
    """A saga whose events wait, for one sink, because one of them was not taken.

    Attributes:
        position: of the event that comes next for it.
        attempts: how often that was tried.
        first_failed_at: since when it fails; so is due_at, when it is tried again: nanoseconds since the epoch, UTC.
        error: how the latest attempt failed.
    """

    saga_id: str
    position: int
    attempts: int
    first_failed_at: int
    due_at: int
    error: str


class DeadLetter(NamedTuple):
    """An event that a sink has not taken, and that was given up.

    Attributes:
        attempts: how often it was tried.
        first_failed_at: since when it failed; so is died_at, when it was given up.
        error: how the latest attempt failed.
        due_at: when it is tried again, where somebody has asked for that; else ``None``.
    """

    position: int
    saga_id: str
    attempts: int
    first_failed_at: int
    died_at: int
    error: str
    due_at: int | None = None


class SinkClaim(NamedTuple):
    """The right to tell one sink.

    Attributes:
        token: the fencing token.
        position: of the last event that needs not be read again.
        now: what the clock of the store shows, nanoseconds since the epoch, UTC.
        has_blocked: whether some saga is blocked.
        retried: the dead letters that somebody wants to be tried again.
    """

    token: int
    position: int
    now: int
    has_blocked: bool
    retried: Sequence[DeadLetter]


class SinkProgress(NamedTuple):
    """What has come of events that a sink was told of.

    Attributes:
        position: of the last event that needs not be read again.
        blocked: the sagas that are blocked from now on, or still.
        freed: those that are blocked no more.
        dead: new dead letters, and old ones that were tried again in vain.
        revived: the positions of dead letters that were taken now.
        failing_since: since when the sink takes nothing, nanoseconds since the epoch, UTC; ``None`` where it does.
        error: why it does not, or empty.
    """

    position: int
    blocked: Sequence[BlockedSaga] = ()
    freed: Sequence[str] = ()
    dead: Sequence[DeadLetter] = ()
    revived: Sequence[int] = ()
    failing_since: int | None = None
    error: str = ""


class SinkRecord(NamedTuple):
    """How far a sink has been told.

    Attributes:
        position: of the last event that was told, was refused or waits for another one of its saga.
        owner: the replica that tells it, as long as ``alive_until``; ``None`` where none does.
        behind: how many events it has not been told of yet, those that wait for another one not counted.
        oldest_at: when the oldest of those happened, nanoseconds since the epoch, UTC; ``None`` where there is none.
        blocked: how many sagas are blocked.
        dead: how many dead letters there are.
        failing_since: since when it takes nothing; ``None`` where it does.
        error: why it does not, or empty.
    """

    name: str
    position: int
    owner: str | None
    alive_until: int
    behind: int
    oldest_at: int | None
    blocked: int
    dead: int
    failing_since: int | None
    error: str


class SinkAct(NamedTuple):
    """What somebody has done to a sink.

    Attributes:
        at: nanoseconds since the epoch, UTC.
        act: what, in words.
        requested_by: who, and how that is known.
    """

    sink: str
    at: int
    act: str
    requested_by: str


class SinkReader(Protocol):
    """What can be asked of the sinks, also beside the orchestrators that have the journal."""

    async def sinks(self) -> list[SinkRecord]:
        """Every sink that was ever claimed, and not forgotten, by name."""


class OutboxReader(SinkReader, Protocol):
    """What can be asked of the outbox without changing it."""

    async def events(self, after: int, limit: int, saga_id: str = "", until: int | None = None) -> list[KeptEvent]:
        """Events in their order.

        Args:
            after: those after this position.
            limit: how many at most.
            saga_id: of this saga alone; empty for all.
            until: up to this position; ``None`` for all.
        """

    async def position_at(self, instant: int) -> int:
        """The position of the last event that was written before the first that happened then, or later.

        Args:
            instant: nanoseconds since the epoch, UTC.
        """

    async def dead_letters(self, sink: str, after: int, limit: int) -> list[DeadLetter]:
        """Dead letters of a sink after a position, in their order."""

    async def sink_acts(self, sink: str, limit: int) -> list[SinkAct]:
        """What was done to a sink, the latest first."""


class SinkActs(OutboxReader, Protocol):
    """What people may ask of the outbox, and do to its sinks."""

    async def note_sink_act(self, sink: str, act: str, requested_by: str) -> None:
        """Write down what somebody does to a sink; it is kept also where the sink is forgotten."""

    async def replay(self, sink: str, position: int) -> bool:
        """Have every event after a position told once more, with the same ids; whether there is such a sink.

        What waited beyond it, and its dead letters, are forgotten: they are told again. Who has the claim loses it.
        """

    async def retry_dead_letters(self, sink: str, positions: Sequence[int]) -> int:
        """Have these dead letters tried again, or all where none is named; how many."""

    async def forget_sink(self, sink: str) -> bool:
        """Remember a sink no more: its events need not be kept. Whether there was one."""


class Outbox(SinkActs, Protocol):
    """The outbox as the relay changes it."""

    async def claim_sink(self, sink: str, owner: str, lease: int) -> SinkClaim | None:
        """Claim a sink for so many nanoseconds, or keep it for so long; ``None`` where another one has it.

        A sink of a new name begins with the oldest event that is kept. A relay that claims it anew has another token.
        """

    async def blocked_sagas(self, sink: str, saga_ids: Collection[str]) -> list[BlockedSaga]:
        """Those of these sagas that are blocked, in no order."""

    async def waiting_sagas(self, sink: str, due: int, limit: int) -> list[BlockedSaga]:
        """Blocked sagas that are due: those whose event was never tried, then in the order in which they are due.

        Args:
            sink: for which they are blocked.
            due: by this instant, nanoseconds since the epoch, UTC.
            limit: how many at most.
        """

    async def note_progress(self, sink: str, token: int, progress: SinkProgress) -> bool:
        """Write down what has come of deliveries, unless the claim is lost; whether it was not."""

    async def release_sink(self, sink: str, owner: str) -> None:
        """Let another one have it now."""

    async def keep_events(self, events: Sequence[OutboxEvent]) -> None:
        """Put events into the outbox without the entries that told them: those of a journal that is being copied."""

    async def delete_events(self, before: int, limit: int) -> int:
        """Delete old events that every sink has been told of; how many.

        Args:
            before: those that happened before this instant, nanoseconds since the epoch, UTC.
            limit: how many at most.
        """
