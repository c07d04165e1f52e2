"""What can be asked of a saga when sagas are looked for; a filter is a list of criteria.

Each criterion says here what it matches, and each store that searches in a language of its own says there, in one
exhaustive match, how that is asked: a new criterion is a class here, and the type checker names the stores that do not
know it yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator.journal.cause import lowered

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.journal.cause import Cause
    from orchestrator.journal.state import Status


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
