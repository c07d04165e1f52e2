"""What a column of the matrix is."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.testing.matrix.expectations import Ends
    from orchestrator.testing.matrix.scenario import Scenario
    from orchestrator.testing.matrix.subjects import Subject


class FaultKind(enum.Enum):
    """What goes wrong; each makes a table."""

    DELIVERY = "the command"
    FRONT = "a proxy answers in the participant's place"
    KILLED = "the orchestrator is killed"
    COMPENSATION = "its compensation, in a rollback of the whole saga"
    CANCEL = "the saga is cancelled"


class FaultCase(NamedTuple):
    """One column.

    Attributes:
        name: stable, such as ``times out after``.
        kind: what goes wrong.
        meaning: what happens, in a sentence.
        scenario: what happens to a saga in a row.
        legal: where the saga may end.
        excuse: why it cannot happen in a row; empty where it can.
        during: what the saga's status is while the fault lasts; empty for any.
    """

    name: str
    kind: FaultKind
    meaning: str
    scenario: Callable[[Subject], Scenario]
    legal: Callable[[Subject], Ends]
    not_applicable: Callable[[Subject], str] = lambda _: ""
    during: Callable[[Subject], Ends] = lambda _: frozenset()

    @property
    def title(self) -> str:
        """The name with what it concerns, which tells it from all others: ``cancel: before``."""
        return f"{self.kind.name.lower()}: {self.name}"
