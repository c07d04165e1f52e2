"""Bulk acts: the same act on many sagas; and where it is kept to which sagas it is done, and what came of each.

Purpose: what a person has seen in a dry run is done, to those sagas and to no other, whichever replicas die. Invariant:
the sagas of a bulk act are written down once, and each of them has one answer at any time, so the answers add up to one
number. A bulk act changes only from the revision that was read, together with the answers of its sagas: of two replicas
that carry it on, one is refused.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.journal.decisions import CommandDecision


class BulkStatus(enum.Enum):
    """Where a bulk act stands; the numbers of ``saga.v1.BulkActStatus``."""

    FREEZING = 1
    """The sagas are being written down."""
    CHECKING = 2
    """The sagas are final, and are asked one after another whether they would allow it."""
    PREPARED = 3
    """Each saga has answered; a person may start it."""
    RUNNING = 4
    STOPPING = 5
    """Somebody has stopped it; what was under way is being settled."""
    STOPPED = 6
    ENDED = 7


MOVED_ON: Final = frozenset({BulkStatus.CHECKING, BulkStatus.RUNNING, BulkStatus.STOPPING})
"""Here a replica has something to do."""


class Answer(enum.Enum):
    """What a saga has answered; the numbers of ``saga.v1.BulkAnswer``."""

    UNCHECKED = 1
    ALLOWED = 2
    """By the dry run: it would be done."""
    SECOND_PERSON_NEEDED = 3
    """By the dry run: it would be proposed, and a second person must ask for the same."""
    EXCLUDED = 4
    """Refused by the dry run, and left alone."""
    DONE = 5
    PROPOSED = 6
    """Proposed; it is done as soon as a second person asks for the same."""
    REFUSED = 7
    NOTED = 8
    """Durable, and carried out or refused later by the replica that advances the saga."""
    FAILED = 9


TO_DO: Final = frozenset({Answer.ALLOWED, Answer.SECOND_PERSON_NEEDED})
"""The sagas to which it is done once somebody starts it."""


class BulkSaga(NamedTuple):
    """One saga of a bulk act.

    Attributes:
        position: its place among them, from 1.
        saga_id: the saga.
        answer: see there.
        reason: why it is refused or failed, in UPPER_SNAKE_CASE; else empty.
        message: the same in a sentence.
        answered_at: when, nanoseconds since the epoch, UTC, of the store's clock; 0 for not yet.
    """

    position: int
    saga_id: str
    answer: Answer = Answer.UNCHECKED
    reason: str = ""
    message: str = ""
    answered_at: int = 0


class Reach(NamedTuple):
    """To which sagas somebody was narrowed; what is empty does not restrict."""

    definitions: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BulkAct:
    """A bulk act as it is kept. Instants are nanoseconds since the epoch, UTC, of the store's clock.

    Attributes:
        bulk_id: its identity; in the order of these, the later one was prepared later.
        revision: counts its changes, from 1.
        status: see there.
        act: what is done to each saga.
        decision: what it says besides, where it is about one command of each saga.
        asked_for: which sagas, as the caller has said it: opaque here.
        reach: to which sagas the caller was narrowed.
        prepared_at: when it was asked for.
        prepared_by: by whom.
        counts: how many sagas have which answer. They add up to all of its sagas.
        to_do: to how many the dry run says that it would be done; final once it is prepared.
        started_at: when somebody started it; ``None`` until then.
        started_by: who did, and so who acts on each saga.
        why: in a sentence, which each saga's journal keeps.
        stopped_by: who stopped it, if somebody did.
        ended_at: when nothing more came of it.
        begun: up to which position sagas may have been acted on.
        owner: the replica that carries it on, or has done so last; or empty.
        not_before: until when it is left to that one.
        expires_at: from when on it is deleted; ``None`` for not yet.
    """

    bulk_id: str
    revision: int
    status: BulkStatus
    act: Act
    decision: CommandDecision | None
    asked_for: bytes
    reach: Reach
    prepared_at: int
    prepared_by: Actor
    counts: Mapping[Answer, int] = field(default_factory=dict)
    to_do: int = 0
    started_at: int | None = None
    started_by: Actor | None = None
    why: str = ""
    stopped_by: Actor | None = None
    ended_at: int | None = None
    begun: int = 0
    owner: str = ""
    not_before: int = 0
    expires_at: int | None = None

    @property
    def total(self) -> int:
        """How many sagas it is about."""
        return sum(self.counts.values())

    @property
    def due_at(self) -> int | None:
        """From when on any replica may carry it on; ``None`` where there is nothing to do."""
        return self.not_before if self.status in MOVED_ON else None


class DueBulkActs(NamedTuple):
    """What the store says of those that a replica may carry on.

    Attributes:
        now: the store's clock.
        acts: those that are due, the longest due first.
        next_at: when the next of the others is due; ``None`` where none is.
    """

    now: int
    acts: Sequence[BulkAct]
    next_at: int | None


class KeptBulkActs(Protocol):
    """Where bulk acts are kept. Every method may raise JournalUnavailable; what it was to write may then stand."""

    async def create_bulk_act(self, act: BulkAct) -> bool:
        """Keep a new one; whether it is: not where there is one of its id."""

    async def add_bulk_sagas(self, bulk_id: str, sagas: Sequence[BulkSaga]) -> None:
        """Write down sagas of one that is there; those whose position is taken are left out."""

    async def find_bulk_act(self, bulk_id: str) -> BulkAct | None:
        """The one of this id, if there is one."""

    async def list_bulk_acts(self, before: str, limit: int) -> Sequence[BulkAct]:
        """So many at most, the last id first, from the one before this id on; empty for the first page."""

    async def bulk_sagas(
        self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()
    ) -> Sequence[BulkSaga]:
        """So many of its sagas at most, by position, from the one after this position on.

        Args:
            bulk_id: the bulk act.
            after: the position; 0 for the first page.
            limit: how many at most.
            answers: only those with one of these answers; empty for all.
        """

    async def due_bulk_acts(self, limit: int) -> DueBulkActs:
        """What is due by the store's clock."""

    async def note_bulk_act(self, act: BulkAct, answered: Sequence[BulkSaga] = ()) -> bool:
        """Keep a changed one as its next revision, and what sagas have answered: both, or neither.

        Returns:
            Whether they are kept: not where another revision is there now.
        """

    async def delete_expired_bulk_acts(self, most: int) -> int:
        """Delete those that have expired by the store's clock, so many sagas and bulk acts at most; how many."""
