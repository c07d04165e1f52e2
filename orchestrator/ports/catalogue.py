"""Which sagas there are: what a list of them shows, and which of them it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.ports.criteria import (
    DefinitionIs,
    EndedBefore,
    EndedFrom,
    FailedCommandIs,
    HasAttribute,
    IdBegins,
    IsQueued,
    ReasonContains,
    ReasonIs,
    StartedBefore,
    StartedFrom,
    StatusIn,
    VersionIs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.journal.cause import Cause
    from orchestrator.journal.state import Status
    from orchestrator.ports.criteria import Criterion, Listed


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
