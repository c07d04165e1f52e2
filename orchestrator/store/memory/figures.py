"""The figures of a store in memory: by minutes, and nothing is summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orchestrator.journal.state import Status
from orchestrator.ports.figures import SuspendedGroup
from orchestrator.store.rows.figure_tally import EndedSaga, failure_of, tally_end, tally_start
from orchestrator.store.rows.figures import counted_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.journal.cause import Cause
    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.figures import Counted, Cut, Window
    from orchestrator.store.rows.figure_tally import FigureKey, Tally


class FiguresInMemory:
    """See :class:`~orchestrator.ports.figures.FigureKeeping`.

    Args:
        tally: what was counted, by minutes; for all handles.
        records: the sagas that there are.
    """

    def __init__(self, tally: Tally, records: Callable[[], Iterable[SagaRecord]]) -> None:
        self._tally = tally
        self._records = records

    def note_started(self, record: SagaRecord) -> None:
        """One more has started."""
        tally_start(self._tally, record.definition, record.started_at)

    def note_moved(self, before: SagaRecord, after: SagaRecord) -> None:
        """One may have ended, or may go on although it had."""
        if (before.status, before.ended_at) != (after.status, after.ended_at):
            self._tally_end(before, -1)
            self._tally_end(after, +1)

    async def figures(self, window: Window) -> Sequence[Counted]:
        """See the port."""
        sums: Tally = {}
        for (at, definition, *of), number in self._tally.items():
            if window.since <= at < window.until and window.definition in ("", definition):
                key = cast("FigureKey", (at - at % window.step.value, definition, *of))
                sums[key] = sums.get(key, 0) + number
        return [counted_of((*key, sums[key])) for key in sorted(sums) if sums[key]]

    async def suspended(self) -> Sequence[SuspendedGroup]:
        """See the port."""
        groups: dict[tuple[str, str, str], list[int]] = {}
        for record in self._records():
            if record.status is Status.SUSPENDED:
                code, command = failure_of(record.cause)
                since = record.started_at if record.cause is None else record.cause.since
                groups.setdefault((record.definition, command, code), []).append(since)
        found = [SuspendedGroup(*of, len(since), min(since)) for of, since in groups.items()]
        return sorted(found, key=lambda group: (group.since, group))

    async def without_cause(self, position: int, limit: int) -> tuple[Sequence[str], int | None]:  # noqa: ARG002 - the port's
        """See the port. No earlier version has written here."""
        return (), None

    async def sum_up(self, cut: Cut) -> bool:  # noqa: ARG002 - the port's
        """See the port. What ends with its process is not summed up."""
        return False

    async def note_causes(self, causes: Sequence[tuple[str, Cause]]) -> None:
        """See the port. No cause is missing."""

    def _tally_end(self, record: SagaRecord, number: int) -> None:
        if record.ended_at is not None:
            failure = failure_of(record.cause)
            ended = EndedSaga(record.definition, record.status, record.started_at, record.ended_at, failure)
            tally_end(self._tally, ended, number)
