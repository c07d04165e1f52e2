"""Which entry is which row: the one table, with the numbers that the stores keep.

Golden journals in ``tests/golden`` hold it to what it once wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from orchestrator.journal import entries as e
from orchestrator.journal.codec import commands, compensations, decisions, events, sagas, waits
from orchestrator.journal.codec.parts import alone, failed, read_alone, read_failed, read_reasoned, reasoned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.journal.codec.row import Row
    from orchestrator.journal.entries import Entry

E = TypeVar("E")


def encode(entry: Entry) -> Row:
    """The row of an entry."""
    return _ENCODERS[type(entry)](entry)


def decode(row: Row) -> Entry:
    """The entry of a row.

    Raises:
        ValueError: the row's kind is not known: a newer version wrote it.
    """
    decoder = _DECODERS.get(row.kind)
    if decoder is None:
        raise ValueError(f"entry of unknown kind {row.kind}: the journal was written by a newer version")
    return decoder(row)


def name_of(entry: Entry) -> str:
    """What exports and the API call the kind of an entry: it does not change when the class does."""
    kind = type(entry)
    return _NAMES.get(kind, kind.__name__)


class _Kind(NamedTuple, Generic[E]):
    """What the rows of one class of entry are.

    Attributes:
        number: is kept in the stores: it is never changed and never used again.
        entry: the class.
        encode: makes the row of such an entry.
        decode: makes the entry of such a row.
    """

    number: int
    entry: type[E]
    encode: Callable[[E], Row]
    decode: Callable[[Row], E]


_KINDS: Final = (
    _Kind(1, e.SagaStarted, sagas.started, sagas.read_started),
    _Kind(2, e.CommandIntended, commands.intended, commands.read_intended),
    _Kind(3, e.CommandCompleted, commands.completed, commands.read_completed),
    _Kind(4, e.CommandRefused, failed(4), read_failed(e.CommandRefused)),
    _Kind(5, e.AttemptFailed, commands.attempt_failed, commands.read_attempt_failed),
    _Kind(6, e.CommandAbandoned, failed(6), read_failed(e.CommandAbandoned)),
    _Kind(7, e.RollbackBegan, reasoned(7), read_reasoned(e.RollbackBegan)),
    _Kind(8, e.CompensationBegan, compensations.began, compensations.read_began),
    _Kind(9, e.CompensationCompleted, compensations.completed, compensations.read_completed),
    _Kind(10, e.CompensationRejected, failed(10), read_failed(e.CompensationRejected)),
    _Kind(11, e.SagaRecovered, sagas.recovered, sagas.read_recovered),
    _Kind(12, e.SagaCompleted, sagas.completed, sagas.read_completed),
    _Kind(13, e.SagaCompensated, alone(13), read_alone(e.SagaCompensated)),
    _Kind(14, e.SagaSuspended, reasoned(14), read_reasoned(e.SagaSuspended)),
    _Kind(15, e.SagaResumed, reasoned(15), read_reasoned(e.SagaResumed)),
    _Kind(16, e.OutcomeResolved, decisions.resolved, decisions.read_resolved),
    _Kind(17, e.CompensationSkipped, decisions.decided(17), decisions.read_decided(e.CompensationSkipped)),
    _Kind(18, e.SagaPartiallyCompensated, alone(18), read_alone(e.SagaPartiallyCompensated)),
    _Kind(19, e.RetryRequested, reasoned(19), read_reasoned(e.RetryRequested)),
    _Kind(20, e.DeadlinePassed, alone(20), read_alone(e.DeadlinePassed)),
    _Kind(21, e.ValueRecorded, sagas.recorded, sagas.read_recorded),
    _Kind(22, e.CompensationResolved, decisions.decided(22), decisions.read_decided(e.CompensationResolved)),
    _Kind(23, e.WaitBegan, waits.wait_began, waits.read_wait_began),
    _Kind(24, e.SignalReceived, waits.signal_received, waits.read_signal_received),
    _Kind(25, e.WaitEnded, waits.wait_ended, waits.read_wait_ended),
    _Kind(26, e.SagaParked, waits.parked, waits.read_parked),
    _Kind(27, e.SagaWoken, waits.woken, waits.read_woken),
    _Kind(30, e.SagaQueued, sagas.queued, sagas.read_queued),
    _Kind(31, e.SagaAdmitted, sagas.admitted, sagas.read_admitted),
    _Kind(32, e.CommandQueued, commands.queued, commands.read_queued),
    _Kind(35, e.EventPublished, events.published, events.read_published),
    _Kind(36, e.EventsHandedOn, events.handed_on, events.read_handed_on),
    _Kind(40, e.ActProposed, decisions.proposed, decisions.read_proposed),
)

_ENCODERS: Final[Mapping[type[Any], Callable[[Any], Row]]] = {kind.entry: kind.encode for kind in _KINDS}
_DECODERS: Final[Mapping[int, Callable[[Row], Entry]]] = {kind.number: kind.decode for kind in _KINDS}

# ``CommandRejected`` is also what a saga's code catches, and a name stands for one class.
_NAMES: Final[Mapping[type[Any], str]] = {e.CommandRefused: "CommandRejected"}
