"""The append-only truth about all sagas, and what is written to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from orchestrator.ports.bulk_acts import KeptBulkActs
from orchestrator.ports.figures import FigureKeeping, FigureReader
from orchestrator.ports.noted_waits import NotedWaits
from orchestrator.ports.outbox import Outbox, SinkReader
from orchestrator.ports.queues import Queues
from orchestrator.ports.quotas import Quotas
from orchestrator.ports.requested_acts import RequestedActs
from orchestrator.ports.retention import EndedReader, Retention
from orchestrator.ports.schedules import StoredSchedules
from orchestrator.ports.wakes import Wakes

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Mapping, Sequence

    from orchestrator.journal.cause import Cause
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import OutboxEvent
    from orchestrator.journal.state import Status
    from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord, UnclaimedCount
    from orchestrator.ports.claims import Claim, DueClaims, LivingReplica, Served, SilentReplica


Committed = Callable[[int, float], None]
"""Called after each transaction of a store with how many writes have shared it, and how many seconds it took."""


class NewSaga(NamedTuple):
    """What the journal keeps about a saga besides its entries; written with the first append."""

    definition: str
    version: int
    digest: bytes
    started_at: int
    attributes: tuple[tuple[str, str], ...]


class Append(NamedTuple):
    """Entries of one saga, to be written in one transaction.

    Attributes:
        owner: the replica that writes.
        token: the fencing token of its claim; 1 for a new saga.
        expected_sequence: how many entries the journal holds before these.
        entries: none, where only the status changes.
        status: the saga's status after them. One that is not claimable ends the claim.
        ended_at: when the saga ended, if these entries end it.
        new: present with the first entries of a saga, which also claims it.
        wake_at: with the status *waiting*, when the saga is due, in nanoseconds by the clock of the store; ``None``
            where no time wakes it, but only an act or a signal. It counts until the next append.
        turn_at: with the status *waiting*, the saga is queued, and is begun after those with an earlier turn;
            nanoseconds since the epoch, UTC. ``None`` where it is not queued. It counts until the next append.
        cause: why the saga goes back or waits for an operator, where these entries tell it anew. It counts until the
            next one is told, in the statuses :data:`~orchestrator.journal.state.CAUSED` alone.
        outbox: the events that these entries tell, in order; they stand in the outbox if and only if the entries stand.
    """

    saga_id: str
    owner: str
    token: int
    expected_sequence: int
    entries: Sequence[Entry]
    status: Status
    ended_at: int | None = None
    new: NewSaga | None = None
    wake_at: int | None = None
    turn_at: int | None = None
    cause: Cause | None = None
    outbox: Sequence[OutboxEvent] = ()


class Moving(NamedTuple):
    """The sagas that other replicas may have changed.

    Attributes:
        unended: how many entries each holds that has not ended and is not parked, by its id.
        ended: the same of those that have ended lately.
        parked: the same of those that were parked lately, or have got an entry while they are.
        position: after which sagas to look the next time.
        looked_at: what the clock of the store showed, in nanoseconds.
    """

    unended: Mapping[str, int]
    ended: Mapping[str, int]
    parked: Mapping[str, int]
    position: int
    looked_at: int


class JournalReader(EndedReader, FigureReader, SinkReader, Protocol):
    """What can be asked of a journal without changing it, also beside the orchestrators that have it.

    Every method may raise :class:`~orchestrator.errors.JournalUnavailable`.
    """

    async def read(self, saga_id: str) -> list[Entry]:
        """The entries of a saga in order; empty where there is no such saga."""

    async def find(self, saga_id: str) -> SagaRecord | None:
        """One saga, if there is one."""

    async def find_each(self, saga_ids: Sequence[str]) -> list[SagaRecord]:
        """Those of these sagas that there are, in any order."""

    async def inputs(self, saga_ids: Sequence[str]) -> dict[str, bytes]:
        """The serialized inputs of those of these sagas that there are, by id. No more of their journals is read."""

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """A page of sagas, the newest first, and the token of the next page, empty on the last.

        Args:
            where: which sagas.
            limit: how many at most.
            page_token: that of the page, for the same filter and order; empty for the first.
            oldest_first: in the other order.

        Raises:
            InvalidInput: the page token is not one that this journal gave out.
        """

    async def count(self) -> Sequence[SagaCount]:
        """How many sagas there are, by definition and status."""

    async def close(self) -> None:
        """Let go of the store."""


class Journal(
    JournalReader,
    RequestedActs,
    Queues,
    Quotas,
    StoredSchedules,
    KeptBulkActs,
    Retention,
    Wakes,
    NotedWaits,
    FigureKeeping,
    Outbox,
    Protocol,
):
    """The append-only truth about all sagas, shared by all replicas.

    Every method may raise :class:`~orchestrator.errors.JournalUnavailable`; what it was to write may then stand or not.
    Leases are judged by one clock, that of the store: what a replica takes for the time decides about no claim.

    Attributes:
        shared: other replicas may have this journal too, and serve what this one does not.
    """

    @property
    def shared(self) -> bool:
        """See the class."""

    def append(self, append: Append) -> Future[None]:
        """Write entries; the future is done when they are durable. Appends of one saga keep their order.

        The future raises:
            SagaExists: ``new`` is given and there is a saga of this id.
            SagaDeleted: ``new`` is given and a saga of this id was deleted.
            ClaimLost: the token is not the saga's latest.
            SequenceConflict: the journal does not hold ``expected_sequence`` entries.
            EntriesUnwritable: the store has no form for something in it; nothing was written, nor will it ever be.
        """

    async def heartbeat(self, owner: str, lease: int) -> int:
        """Keep a replica's claims alive for as long as ``lease``, in nanoseconds, from now on.

        Returns:
            What the clock of the store shows: nanoseconds since the epoch, UTC.
        """

    async def claim_unfinished(self, owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        """Claim claimable sagas whose owner's lease has lapsed, or who have none. One that waits is not claimable.

        Args:
            owner: the replica.
            limit: how many at most.
            served: only sagas of these; ``None`` for every saga.
        """

    async def claim_due(self, owner: str, limit: int, served: Served | None = None, *, anew: bool = False) -> DueClaims:
        """Claim parked sagas that are due by the clock of the store, and that no living replica has claimed.

        It costs the same however many others are parked. A saga stays parked, and so is claimed again when its owner
        falls silent, until something is appended to it.

        Args:
            owner: the replica.
            limit: how many at most; those that have been due for the longest time come first.
            served: only sagas of these; ``None`` for every saga.
            anew: also those that this replica has claimed before, and has appended nothing to since: it may not know of
                that claim, for its answer may have been lost.
        """

    async def claimed(self, owner: str) -> list[Claim]:
        """The claimable sagas that a replica has claimed, known to it or not: a claim's answer may have been lost."""

    async def claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        """Claim one saga that is suspended, parked or completed; ``None`` where it is none of these.

        A replica that claimed the saga before and wrote nothing since loses that claim, alive or not: that replica may
        not even know of its claim.
        """

    async def release(self, owner: str) -> None:
        """Let go of everything that a replica has claimed. It counts as silent until it beats again."""

    async def moving(self, owner: str, before: Moving | None) -> Moving:
        """The sagas that have not ended and that this replica does not advance, and those that ended or parked lately.

        Args:
            owner: the replica.
            before: what was found the last time. Those have ended lately that were started since, or not long before,
                and those were parked lately that have been since, or shortly before; none, where it is ``None``.
        """

    async def unclaimed(self) -> list[UnclaimedCount]:
        """How many sagas no living replica has claimed, by definition and version: claimable ones, and parked ones.

        The latter count when they have been due for a minute: until then, those who serve them may have much to do.
        """

    async def living(self) -> list[LivingReplica]:
        """The replicas whose lease has not lapsed, by name, each with how many sagas it advances."""

    async def silent(self) -> list[SilentReplica]:
        """The replicas whose lease has lapsed, or that have released everything, and that were not forgotten."""

    async def forget(self, owners: Sequence[str]) -> None:
        """Remember these replicas no more: nothing depends on their having been there."""

    async def close(self) -> None:
        """Finish what was appended and close the store."""
