"""What the engine needs from the world. Adapters meet these ports in ``bootstrap`` only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Collection, Sequence

    from orchestrator.contract.command import Command
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import Status


@dataclass(frozen=True, slots=True)
class SagaRecord:
    """A saga as the journal lists it.

    Attributes:
        digest: of the definition and the input, to tell a repeated request from another one.
        started_at: nanoseconds since the epoch, UTC; so is ended_at, ``None`` until the end.
        sequence: how many entries its journal holds.
    """

    saga_id: str
    definition: str
    version: int
    status: Status
    digest: bytes
    started_at: int
    ended_at: int | None
    attributes: tuple[tuple[str, str], ...]
    sequence: int


class SagaCount(NamedTuple):
    """How many sagas of a definition have a status, and when the oldest of them started (nanoseconds, UTC)."""

    definition: str
    status: Status
    number: int
    oldest_started_at: int


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
        status: the saga's status after them.
        ended_at: when the saga ended, if these entries end it.
        new: present with the first entries of a saga, which also claims it.
    """

    saga_id: str
    owner: str
    token: int
    expected_sequence: int
    entries: Sequence[Entry]
    status: Status
    ended_at: int | None = None
    new: NewSaga | None = None


class Claim(NamedTuple):
    """The exclusive right to advance a saga, until another replica's claim has a larger token."""

    saga_id: str
    token: int


class SilentReplica(NamedTuple):
    """A replica that has been there, and until when its last heartbeat counted (nanoseconds, UTC)."""

    owner: str
    alive_until: int


class Listed(Protocol):
    """What a filter looks at: a record of the journal, a saga's state, a change of one."""

    @property
    def saga_id(self) -> str:
        """The saga's identity."""

    @property
    def definition(self) -> str:
        """The name of its definition."""

    @property
    def status(self) -> Status | None:
        """Where it stands."""

    @property
    def started_at(self) -> int:
        """Nanoseconds since the epoch, UTC."""

    @property
    def attributes(self) -> Collection[tuple[str, str]]:
        """The values by which it can be listed."""


@dataclass(frozen=True, slots=True)
class SagaFilter:
    """Which sagas to list; an empty part does not restrict. Instants are nanoseconds since the epoch, UTC.

    Attributes:
        id_prefix: how their ids begin. A saga stands for its children here: what follows holds no ``/``.
    """

    definition: str = ""
    statuses: frozenset[Status] = frozenset()
    started_from: int | None = None
    started_before: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    id_prefix: str = ""

    def matches(self, saga: Listed) -> bool:
        """Whether the filter is about this saga."""
        return (
            (not self.definition or saga.definition == self.definition)
            and (not self.statuses or saga.status in self.statuses)
            and (self.started_from is None or saga.started_at >= self.started_from)
            and (self.started_before is None or saga.started_at < self.started_before)
            and set(self.attributes) <= set(saga.attributes)
            and self._names(saga.saga_id)
        )

    def _names(self, saga_id: str) -> bool:
        """Whether an id begins as it should."""
        return saga_id.startswith(self.id_prefix) and (not self.id_prefix or "/" not in saga_id[len(self.id_prefix) :])


class Journal(Protocol):
    """The append-only truth about all sagas, shared by all replicas.

    Every method may raise :class:`~orchestrator.errors.JournalUnavailable`; what it was to write may then stand or not.
    """

    def append(self, append: Append) -> Future[None]:
        """Write entries; the future is done when they are durable. Appends of one saga keep their order.

        The future raises:
            SagaExists: ``new`` is given and there is a saga of this id.
            ClaimLost: the token is not the saga's latest.
            SequenceConflict: the journal does not hold ``expected_sequence`` entries.
        """

    async def read(self, saga_id: str) -> list[Entry]:
        """The entries of a saga in order; empty where there is no such saga."""

    async def find(self, saga_id: str) -> SagaRecord | None:
        """One saga, if there is one."""

    async def search(self, where: SagaFilter, limit: int, page_token: str) -> tuple[list[SagaRecord], str]:
        """A page of sagas, the newest first, and the token of the next page, empty on the last.

        Raises:
            InvalidInput: the page token is not one that this journal gave out.
        """

    async def heartbeat(self, owner: str, now: int, lease: int) -> None:
        """Keep a replica's claims alive until ``now + lease``; both in nanoseconds."""

    async def claim_unfinished(self, owner: str, now: int, limit: int) -> list[Claim]:
        """Claim unfinished sagas whose owner's lease has lapsed, or who have none."""

    async def claimed(self, owner: str) -> list[Claim]:
        """The unfinished sagas that a replica has claimed, known to it or not: a claim's answer may have been lost."""

    async def claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        """Claim one suspended or completed saga; ``None`` where it is neither.

        Whoever has claimed it before and written nothing since loses that claim, alive or not: it may not even know
        that it has it.
        """

    async def count(self) -> Sequence[SagaCount]:
        """How many sagas there are, by definition and status."""

    async def release(self, owner: str) -> None:
        """Let go of everything that a replica has claimed. It counts as silent until it beats again."""

    async def silent(self, now: int) -> list[SilentReplica]:
        """The replicas whose lease has lapsed, or that have released everything, and that were not forgotten."""

    async def forget(self, owners: Sequence[str]) -> None:
        """Remember these replicas no more: nobody needs to know that they were there."""

    async def close(self) -> None:
        """Finish what was appended and let go of the store."""


class Caller(Protocol):
    """Delivers one command to its participant, once."""

    async def __call__(self, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the deadline travels with the call
        """Make one attempt of at most ``timeout`` seconds. Raises nothing but CancelledError."""


class Participants(Protocol):
    """The way to the participants."""

    def caller(self, command: Command) -> Caller:
        """The way to one command; made once, at start-up."""

    async def is_serving(self, service: str) -> bool | None:
        """Whether a participant says of its health that it serves; ``None`` where it does not tell."""


class Alarm(Protocol):
    """Something that is to happen at a time."""

    def cancel(self) -> None:
        """Let it not happen; nothing, if it has."""


class Clock(Protocol):
    """Time, as it passes for the engine."""

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def alarm(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        """Call ``ring`` after so many seconds."""


class Chance(Protocol):
    """Where the jitter of retries comes from."""

    def __call__(self) -> float:
        """A number evenly drawn from [0, 1)."""


class Observer(Protocol):
    """Sees what has become durable. It must not raise, and must not keep the hot path waiting."""

    def samples(self, saga_id: str, traceparent: str) -> bool:
        """Whether the trace of a new saga is exported."""

    def journalled(self, saga_id: str, entries: Sequence[Entry]) -> None:
        """These entries of a saga are durable."""

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:
        """A saga with these durable entries goes on in this process.

        Args:
            saga_id: the saga.
            entries: its whole journal.
            told: whoever wrote them lives, or has told its observer all of them.
        """
