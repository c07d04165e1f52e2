"""Which entry is which row: the one table, with the numbers that the stores keep.

Golden journals in ``tests/golden`` hold it to what it once wrote.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, assert_never

from orchestrator.journal import entries as e
from orchestrator.journal.codec import commands, compensations, decisions, events, sagas, waits
from orchestrator.journal.codec.parts import (
    attempt_of,
    detail_of,
    failed,
    payload_of,
    read_failed,
    read_reasoned,
    reasoned,
)
from orchestrator.journal.codec.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.entries import Entry


def encode(entry: Entry) -> Row:
    """The row of an entry."""
    encoder = _ENCODERS.get(type(entry))
    if encoder is None:
        encoder = _ENCODERS[type(entry)] = _encoder_of(entry)
    return encoder(entry)


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


def _encoder_of(entry: Entry) -> Callable[[Any], Row]:  # noqa: C901, PLR0911, PLR0912 - a table that the type checker reads
    """What makes the row of an entry of this class; an entry that is missing here does not pass the type checker."""
    match entry:
        case e.SagaStarted():
            return sagas.started
        case e.CommandIntended():
            return commands.intended
        case e.CommandQueued():
            return commands.queued
        case e.CommandCompleted():
            return commands.completed
        case e.CommandRefused():
            return failed(4)
        case e.AttemptFailed():
            return commands.attempt_failed
        case e.CommandAbandoned():
            return failed(6)
        case e.RollbackBegan():
            return reasoned(7)
        case e.CompensationBegan():
            return compensations.began
        case e.CompensationCompleted():
            return compensations.completed
        case e.CompensationRejected():
            return failed(10)
        case e.SagaRecovered():
            return sagas.recovered
        case e.SagaCompleted():
            return lambda each: Row(12, each.at, payload=each.result)
        case e.SagaCompensated():
            return lambda each: Row(13, each.at)
        case e.SagaSuspended():
            return reasoned(14)
        case e.SagaResumed():
            return reasoned(15)
        case e.OutcomeResolved():
            return decisions.resolved
        case e.CompensationSkipped():
            return decisions.decided(17)
        case e.SagaPartiallyCompensated():
            return lambda each: Row(18, each.at)
        case e.RetryRequested():
            return reasoned(19)
        case e.DeadlinePassed():
            return lambda each: Row(20, each.at)
        case e.ValueRecorded():
            return lambda each: Row(21, each.at, each.key, detail=each.value)
        case e.CompensationResolved():
            return decisions.decided(22)
        case e.WaitBegan():
            return waits.wait_began
        case e.SignalReceived():
            return waits.signal_received
        case e.WaitEnded():
            return waits.wait_ended
        case e.SagaParked():
            return lambda each: Row(26, each.at, detail=json.dumps({"wake_at": each.wake_at}))
        case e.SagaWoken():
            return waits.woken
        case e.SagaQueued():
            return sagas.queued
        case e.SagaAdmitted():
            return lambda each: Row(31, each.at, detail=json.dumps({"owner": each.owner}))
        case e.ActProposed():
            return decisions.proposed
        case e.EventPublished():
            return events.published
        case e.EventsHandedOn():
            return events.handed_on
        case _:
            assert_never(entry)


# The numbers are kept in the stores: they are never changed and never used again.
_DECODERS: dict[int, Callable[[Row], Entry]] = {
    1: sagas.read_started,
    2: commands.read_intended,
    3: commands.read_completed,
    4: read_failed(e.CommandRefused),
    5: commands.read_attempt_failed,
    6: read_failed(e.CommandAbandoned),
    7: read_reasoned(e.RollbackBegan),
    8: compensations.read_began,
    9: lambda row: e.CompensationCompleted(row.at, *attempt_of(row)),
    10: read_failed(e.CompensationRejected),
    11: lambda row: e.SagaRecovered(row.at, detail_of(row)["owner"]),
    12: lambda row: e.SagaCompleted(row.at, payload_of(row)),
    13: lambda row: e.SagaCompensated(row.at),
    14: read_reasoned(e.SagaSuspended),
    15: read_reasoned(e.SagaResumed),
    16: decisions.read_resolved,
    17: decisions.read_decided(e.CompensationSkipped),
    18: lambda row: e.SagaPartiallyCompensated(row.at),
    19: read_reasoned(e.RetryRequested),
    20: lambda row: e.DeadlinePassed(row.at),
    21: sagas.read_value,
    22: decisions.read_decided(e.CompensationResolved),
    23: waits.read_wait_began,
    24: waits.read_signal_received,
    25: waits.read_wait_ended,
    26: lambda row: e.SagaParked(row.at, detail_of(row)["wake_at"]),
    27: lambda row: e.SagaWoken(row.at, **detail_of(row)),
    30: sagas.read_queued,
    31: lambda row: e.SagaAdmitted(row.at, detail_of(row)["owner"]),
    32: commands.read_queued,
    35: events.read_published,
    36: events.read_handed_on,
    40: decisions.read_proposed,
}
_ENCODERS: dict[type[Any], Callable[[Any], Row]] = {}
"""Those that were needed so far: a look-up by class is several times as quick as the match."""

# ``CommandRejected`` is also what a saga's code catches, and a name stands for one class.
_NAMES: dict[type[Any], str] = {e.CommandRefused: "CommandRejected"}
