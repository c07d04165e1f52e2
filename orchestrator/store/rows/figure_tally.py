"""What the starts and ends of a transaction add to the figures, gathered for one statement. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from orchestrator.journal.state import CAUSED, Status
from orchestrator.ports.figures import MINUTE, STARTED, latency_bucket

if TYPE_CHECKING:
    from orchestrator.journal.cause import Cause

FigureKey: TypeAlias = tuple[int, str, int, int, str, str]
"""The beginning of the minute, the definition, the number of the status, the bucket of the latency, code, command."""

Tally: TypeAlias = dict[FigureKey, int]
"""How many more there are."""

NO_FAILURE: Final = ("", "")
"""The code and the command of a saga without a cause."""


class EndedSaga(NamedTuple):
    """A saga that has ended.

    Attributes:
        failure: the code and the command of its cause.
    """

    definition: str
    status: Status
    started_at: int
    ended_at: int
    failure: tuple[str, str]


def failure_of(cause: Cause | None) -> tuple[str, str]:
    """What of a cause is counted."""
    return NO_FAILURE if cause is None else (cause.code, cause.command)


def start_key(definition: str, started_at: int) -> FigureKey:
    """Under what a start is counted."""
    return started_at - started_at % MINUTE, definition, STARTED.value, 0, "", ""


def end_key(saga: EndedSaga) -> FigureKey:
    """Under what an end is counted."""
    failure = saga.failure if saga.status in CAUSED else NO_FAILURE
    latency = latency_bucket(saga.ended_at - saga.started_at)
    return saga.ended_at - saga.ended_at % MINUTE, saga.definition, saga.status.value, latency, *failure


def tally_start(tally: Tally, definition: str, started_at: int) -> None:
    """Count one more that started."""
    _add(tally, start_key(definition, started_at), 1)


def tally_end(tally: Tally, saga: EndedSaga, number: int) -> None:
    """Count one more that ended, or one less."""
    _add(tally, end_key(saga), number)


def _add(tally: Tally, key: FigureKey, number: int) -> None:
    tally[key] = tally.get(key, 0) + number
