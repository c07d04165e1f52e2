"""Which sagas there are: what a list of them shows, and which of them it is about.

A filter is a list of criteria. Each criterion says here what it matches, and each store that searches in a language of
its own says there, in one exhaustive match, how that is asked: a new criterion is a class here, and the type checker
names the stores that do not know it yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from orchestrator.journal.cause import lowered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from orchestrator.journal.cause import Cause
    from orchestrator.journal.state import Status


@dataclass(frozen=True, slots=True)
class SagaRecord:
    """A saga as the journal lists it.

    Attributes:
        digest: of the definition and the input, to tell a repeated request from another one.
        started_at: nanoseconds since the epoch, UTC; so is ended_at, ``None`` until the end.
        sequence: how many entries its journal holds.
        wake_at: of one that is parked, when it is due by the clock of the store; ``None`` where no time wakes it.
        turn_at: of one that is queued, after which others its turn comes (nanoseconds, UTC); ``None`` of any other.
        cause: of one that goes back, went back or waits for an operator, why; ``None`` of any other.
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
    wake_at: int | None = None
    turn_at: int | None = None
    cause: Cause | None = None


class SagaCount(NamedTuple):
    """How many sagas of a definition have a status, and when the oldest of them started (nanoseconds, UTC).

    Where some that had ended so were deleted, the oldest of all that ever were may count.
    """

    definition: str
    status: Status
    number: int
    oldest_started_at: int


class UnclaimedCount(NamedTuple):
    """How many sagas of a version no living replica has claimed; when the oldest started (nanoseconds, UTC)."""

    definition: str
    version: int
    number: int
    oldest_started_at: int


class Listed(Protocol):
    """What a filter looks at: a record of the journal, a saga's state, a change of one."""

    @property
    def saga_id(self) -> str:
        """The saga's identity."""

    @property
    def definition(self) -> str:
        """The name of its definition."""

    @property
    def version(self) -> int:
        """The version of that definition."""

    @property
    def status(self) -> Status | None:
        """Where it stands."""

    @property
    def started_at(self) -> int:
        """Nanoseconds since the epoch, UTC."""

    @property
    def ended_at(self) -> int | None:
        """The same of its end; ``None`` before it."""

    @property
    def turn_at(self) -> int | None:
        """Where it is queued; ``None`` where it is not."""

    @property
    def cause(self) -> Cause | None:
        """Why it goes back, went back or waits for an operator, if it does."""

    @property
    def attributes(self) -> Collection[tuple[str, str]]:
        """The values by which it can be listed."""


@dataclass(frozen=True, slots=True)
class DefinitionIs:
    """The saga is one of this definition."""

    name: str

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.definition == self.name


@dataclass(frozen=True, slots=True)
class StatusIn:
    """The saga has one of these statuses."""

    statuses: frozenset[Status]

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.status in self.statuses


@dataclass(frozen=True, slots=True)
class StartedFrom:
    """The saga started at this instant or later; nanoseconds since the epoch, UTC."""

    instant: int

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.started_at >= self.instant


@dataclass(frozen=True, slots=True)
class StartedBefore:
    """The saga started before this instant; nanoseconds since the epoch, UTC."""

    instant: int

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.started_at < self.instant


@dataclass(frozen=True, slots=True)
class HasAttribute:
    """The saga can be listed by this value."""

    name: str
    value: str

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return (self.name, self.value) in saga.attributes


@dataclass(frozen=True, slots=True)
class IdBegins:
    """The saga's id begins so. A saga stands for its children: what follows holds no ``/``."""

    prefix: str

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.saga_id.startswith(self.prefix) and "/" not in saga.saga_id[len(self.prefix) :]


@dataclass(frozen=True, slots=True)
class IsQueued:
    """The saga is queued: it was started, and nobody has begun to advance it."""

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.turn_at is not None


@dataclass(frozen=True, slots=True)
class VersionIs:
    """The saga is one of this version of its definition."""

    version: int

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.version == self.version


@dataclass(frozen=True, slots=True)
class EndedFrom:
    """The saga ended at this instant or later; nanoseconds since the epoch, UTC."""

    instant: int

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.ended_at is not None and saga.ended_at >= self.instant


@dataclass(frozen=True, slots=True)
class EndedBefore:
    """The saga ended before this instant; nanoseconds since the epoch, UTC."""

    instant: int

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.ended_at is not None and saga.ended_at < self.instant


@dataclass(frozen=True, slots=True)
class FailedCommandIs:
    """The saga goes back, went back or waits for an operator because of this command; the full name of its rpc."""

    method: str

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.cause is not None and saga.cause.command == self.method


@dataclass(frozen=True, slots=True)
class ReasonIs:
    """The saga goes back, went back or waits for an operator for this kind of reason, such as ``REJECTED``."""

    code: str

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.cause is not None and saga.cause.code == self.code


@dataclass(frozen=True, slots=True)
class ReasonContains:
    """The sentence that says why the saga goes back, went back or waits for an operator holds this text.

    Only the letters A to Z are the same in both cases. A store reads the sentences of those sagas, the newest first,
    and of no others.
    """

    text: str

    def matches(self, saga: Listed) -> bool:
        """Whether the saga meets it."""
        return saga.cause is not None and lowered(self.text) in lowered(saga.cause.message)


Criterion = (
    DefinitionIs
    | VersionIs
    | StatusIn
    | StartedFrom
    | StartedBefore
    | EndedFrom
    | EndedBefore
    | HasAttribute
    | IdBegins
    | IsQueued
    | FailedCommandIs
    | ReasonIs
    | ReasonContains
)
"""What a filter can ask for: each knows by itself which sagas meet it."""


@dataclass(frozen=True, slots=True)
class SagaFilter:
    """Which sagas to list; an empty part does not restrict. Instants are nanoseconds since the epoch, UTC.

    Attributes:
        id_prefix: how their ids begin. A saga stands for its children here: what follows holds no ``/``.
        queued: only those that are queued.
        version: of the definition; 0 for every one.
        failed_command: the full name of the rpc because of which they go back, went back or wait for an operator.
        reason_code: the kind of reason why they do.
        reason: a text in the sentence that says why they do.
        criteria: the same as a list: a saga is listed if it meets them all.
    """

    definition: str = ""
    statuses: frozenset[Status] = frozenset()
    started_from: int | None = None
    started_before: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    id_prefix: str = ""
    queued: bool = False
    version: int = 0
    ended_from: int | None = None
    ended_before: int | None = None
    failed_command: str = ""
    reason_code: str = ""
    reason: str = ""
    criteria: tuple[Criterion, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """List the criteria once: a feed asks one filter about every change."""
        object.__setattr__(self, "criteria", (*self._asked_for(), *self._asked_besides()))

    def matches(self, saga: Listed) -> bool:
        """Whether the filter is about this saga."""
        return all(criterion.matches(saga) for criterion in self.criteria)

    def _asked_for(self) -> Iterator[Criterion]:
        if self.definition:
            yield DefinitionIs(self.definition)
        if self.statuses:
            yield StatusIn(self.statuses)
        if self.started_from is not None:
            yield StartedFrom(self.started_from)
        if self.started_before is not None:
            yield StartedBefore(self.started_before)
        for name, value in self.attributes:
            yield HasAttribute(name, value)
        if self.id_prefix:
            yield IdBegins(self.id_prefix)
        if self.queued:
            yield IsQueued()

    def _asked_besides(self) -> Iterator[Criterion]:
        if self.version:
            yield VersionIs(self.version)
        if self.ended_from is not None:
            yield EndedFrom(self.ended_from)
        if self.ended_before is not None:
            yield EndedBefore(self.ended_before)
        if self.failed_command:
            yield FailedCommandIs(self.failed_command)
        if self.reason_code:
            yield ReasonIs(self.reason_code)
        if self.reason:
            yield ReasonContains(self.reason)
