"""Which sagas there are: what a list of them shows, and which of them it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

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
