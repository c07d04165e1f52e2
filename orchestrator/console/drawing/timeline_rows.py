"""What happened when in a saga: a row for each command, each wait and each compensation, with its spans.

::

    AuthorizePayment   [attempt, failed]╌╌backoff╌╌[attempt, done]
    signal approval                                              [wait ─────────────]
    Void…                                                                            [attempt, done]

Every instant is in nanoseconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.console.drawing.spans import in_words
from orchestrator.journal import entries as e
from orchestrator.journal.fold import fold
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.state import ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.state import SagaState


class Span(NamedTuple):
    """A part of a row.

    Attributes:
        kind: ``done``, ``failed``, ``in-doubt``, ``in-progress``, ``backoff``, ``wait``, ``queued`` or ``suspended``.
        hint: what a pointer that rests on it is told.
    """

    start: int
    end: int
    kind: str
    hint: str


class Mark(NamedTuple):
    """Something that happened to the saga as a whole, in a moment."""

    at: int
    text: str
    kind: str


@dataclass(slots=True)
class Row:
    """What happened to a command, to a wait, or to a compensation.

    Attributes:
        kind: ``command``, ``wait`` or ``compensation``.
        label: its name.
        key: its key in the journal.
        opened_at: since when it is under way, if it is.
    """

    kind: str
    label: str
    key: str
    opened_at: int
    spans: list[Span] = field(default_factory=list)
    settled: bool = False


class Happenings(NamedTuple):
    """All that happened to a saga until an instant.

    Attributes:
        bands: when the whole saga was queued or suspended.
        until: when it ended, or now.
        ended: it has ended.
    """

    rows: Sequence[Row]
    bands: Sequence[Span]
    marks: Sequence[Mark]
    start: int
    until: int
    ended: bool


def happenings(entries: Sequence[Entry], now: int, backing_off: frozenset[str]) -> Happenings:
    """What a journal tells, in time.

    Args:
        entries: the whole journal of a saga.
        now: the instant of the picture.
        backing_off: the keys of the commands that wait for their next attempt.
    """
    state = fold("", entries)
    until = max(now, state.started_at) if state.ended_at is None else max(state.ended_at, state.started_at)
    teller = _Teller()
    for entry in entries:
        teller.tell(entry)
    rows = list(teller.rows.values())
    for row in rows:
        if not row.settled:
            _leave_open(row, state, until, backing_off)
    return Happenings(
        rows, _bands(entries, until), list(_marks(entries)), state.started_at, until, state.status in ENDED
    )


class _Teller:
    """Reads entries one after the other into rows."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def tell(self, entry: Entry) -> None:  # noqa: C901 - a table
        """Add what an entry tells to its row."""
        match entry:
            case e.CommandIntended():
                self.rows[entry.key] = Row("command", _short(entry.key), entry.key, entry.at)
            case e.CompensationBegan():
                key, name = compensation_key(entry.key), entry.method.rpartition(".")[2]
                self.rows[key] = Row("compensation", f"{name} of {_short(entry.key)}", entry.key, 0)
            case e.AttemptFailed():
                kind = "failed" if entry.harmless else "in-doubt"
                self._attempt(entry.key, entry.attempt, entry.started_at, entry.at, kind, entry.failure)
            case e.CommandCompleted():
                self._settled(entry.key, entry.attempt, entry.started_at, entry.at, "done")
            case e.CommandRefused():
                self._settled(entry.key, entry.attempt, entry.started_at, entry.at, "failed", entry.failure)
            case e.CommandAbandoned():
                self._settled(entry.key, entry.attempt, entry.started_at, entry.at, "in-doubt", entry.failure)
            case e.CompensationCompleted():
                self._settled(compensation_key(entry.key), entry.attempt, entry.started_at, entry.at, "done")
            case e.CompensationRejected():
                key = compensation_key(entry.key)
                self._attempt(key, entry.attempt, entry.started_at, entry.at, "failed", entry.failure)
            case e.OutcomeResolved() | e.CompensationResolved() | e.CompensationSkipped():
                self._decided(entry)
            case e.WaitBegan():
                label = f"signal {entry.signal}" if entry.signal else "timer"
                self.rows[entry.key] = Row("wait", label, entry.key, entry.at)
            case e.WaitEnded():
                self._waited(entry)
            case _:
                pass  # it is about the saga as a whole

    def _attempt(self, key: str, number: int, start: int, end: int, kind: str, failure: Failure | None = None) -> None:
        row = self.rows[key]
        if row.spans and row.spans[-1].end < start:
            row.spans.append(
                Span(row.spans[-1].end, start, "backoff", f"backoff of {in_words(start - row.spans[-1].end)}")
            )
        failed = f": {failure}" if failure is not None else ""
        row.spans.append(Span(start, end, kind, f"attempt {number}, {in_words(end - start)}{failed}"))
        row.opened_at = end

    def _settled(self, key: str, number: int, start: int, end: int, kind: str, failure: Failure | None = None) -> None:
        if number:
            self._attempt(key, number, start, end, kind, failure)
        self.rows[key].settled = True

    def _decided(self, entry: e.OutcomeResolved | e.CompensationResolved | e.CompensationSkipped) -> None:
        """An operator has decided what nobody else could tell."""
        key = entry.key if isinstance(entry, e.OutcomeResolved) else compensation_key(entry.key)
        row = self.rows.get(key) or self.rows[entry.key]
        by, why = entry.reason.requested_by, entry.reason.message
        row.spans.append(Span(entry.at, entry.at, "decided", f"{by or 'an operator'} decided: {why}"))
        row.settled = True

    def _waited(self, entry: e.WaitEnded) -> None:
        row = self.rows[entry.key]
        said = f"waited for {in_words(entry.at - row.opened_at)}, {_ENDS[entry.how.value]}"
        row.spans.append(Span(row.opened_at, entry.at, "wait", said))
        row.settled = True


_ENDS: Final[Mapping[str, str]] = {
    "DUE": "until its time came",
    "SIGNAL": "until the signal came",
    "LEFT": "until the code left it",
}


def _leave_open(row: Row, state: SagaState, until: int, backing_off: frozenset[str]) -> None:
    """Show what is under way, or was when the saga was suspended."""
    refused = row.kind == "compensation" and row.spans and row.spans[-1].kind == "failed"
    if not row.opened_at or refused:
        return
    moving = state.status in {Status.RUNNING, Status.WAITING, Status.COMPENSATING}
    end = max(until if moving else state.suspended_at or until, row.opened_at)
    if row.kind == "wait":
        kind, said = "wait", "waits"
    elif not moving:
        kind, said = "in-doubt", "nobody knows"
    elif row.key in backing_off:
        kind, said = "backoff", "waits for the next attempt"
    else:
        kind, said = "in-progress", "in progress"
    row.spans.append(Span(row.opened_at, end, kind, f"{said} for {in_words(end - row.opened_at)}"))


def _bands(entries: Iterable[Entry], until: int) -> list[Span]:
    """When the whole saga rested: queued, or suspended."""
    found: list[Span] = []
    since, kind = 0, ""
    for entry in entries:
        if kind and isinstance(
            entry, e.SagaAdmitted | e.SagaResumed | e.RollbackBegan | e.SagaSuspended | e.SagaPartiallyCompensated
        ):
            found.append(Span(since, entry.at, kind, f"{kind} for {in_words(entry.at - since)}"))
            kind = ""
        if isinstance(entry, e.SagaQueued | e.SagaSuspended):
            since, kind = entry.at, "queued" if isinstance(entry, e.SagaQueued) else "suspended"
    if kind:
        found.append(Span(since, max(until, since), kind, f"{kind} for {in_words(until - since)}"))
    return found


def _marks(entries: Iterable[Entry]) -> Iterable[Mark]:
    for entry in entries:
        match entry:
            case e.RollbackBegan():
                yield Mark(entry.at, f"rollback: {entry.reason.code.value.lower().replace('_', ' ')}", "back")
            case e.SagaRecovered():
                yield Mark(entry.at, "recovered", "recovered")
            case e.DeadlinePassed():
                yield Mark(entry.at, "deadline", "late")
            case e.SignalReceived():
                yield Mark(entry.at, f"signal {entry.name}", "signal")
            case _:
                pass


def _short(key: str) -> str:
    """A key without the name of the service: ``item-1/ReserveStock#2``."""
    scopes, slash, name = key.rpartition("/")
    return f"{scopes}{slash}{name.rpartition('.')[2].removesuffix('#1')}"
