"""What rows of several kinds have in common: attempts and their failures, reasons, the rest as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.codec.row import Row
from orchestrator.journal.outcome import Failure
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.participant.texts import well_formed

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal import entries as e

    _Failed = e.CommandRefused | e.AttemptFailed | e.CommandAbandoned | e.CompensationRejected

E = TypeVar("E")


def payload_of(row: Row) -> bytes:
    """The bytes of a row, be they none."""
    return bytes(row.payload or b"")


def detail_of(row: Row) -> dict[str, Any]:
    """What a row says as JSON."""
    return dict(json.loads(row.detail or "{}"))


def attempt_of(row: Row) -> tuple[str, int, int]:
    """Key, number and start of the attempt that a row is about."""
    assert row.key is not None
    assert row.attempt is not None
    assert row.started_at is not None
    return row.key, row.attempt, row.started_at


def failed(kind: int) -> Callable[[_Failed], Row]:
    """Makes the rows of one kind of entry that tells of a failed attempt."""

    def encode_failed(entry: _Failed) -> Row:
        detail = json.dumps(entry.failure._asdict())
        return Row(kind, entry.at, entry.key, None, None, entry.attempt, entry.started_at, None, detail)

    return encode_failed


def read_failed(make: Callable[[int, str, int, int, Failure], E]) -> Callable[[Row], E]:
    """Reads them."""

    def decode_failed(row: Row) -> E:
        key, attempt, started_at = attempt_of(row)
        return make(row.at, key, attempt, started_at, failure_of(detail_of(row)))

    return decode_failed


def failure_of(detail: dict[str, Any]) -> Failure:
    """The failure that a row says as JSON; earlier versions kept the texts of participants as they had come."""
    failure = Failure(**{**detail, "code": StatusCode[detail["code"]]})
    return failure._replace(message=well_formed(failure.message), reason=well_formed(failure.reason))


def told(reason: Reason) -> dict[str, Any]:
    """A reason as a row says it."""
    seldom = ("request_id", "authority", "peer")
    return {name: value for name, value in reason._asdict().items() if value or name not in seldom}


def reason_of(detail: dict[str, Any]) -> Reason:
    """The reason that a row says as JSON; see :func:`failure_of`."""
    reason = Reason(**{**detail, "code": ReasonCode(detail["code"])})
    return reason._replace(message=well_formed(reason.message))


def reasoned(kind: int) -> Callable[[Any], Row]:
    """Makes the rows of one kind of entry that has a reason and nothing else."""
    return lambda entry: Row(kind, entry.at, detail=json.dumps(told(entry.reason)))


def read_reasoned(make: Callable[[int, Reason], E]) -> Callable[[Row], E]:
    """Reads them."""
    return lambda row: make(row.at, reason_of(detail_of(row)))


def alone(kind: int) -> Callable[[Any], Row]:
    """Makes the rows of one kind of entry that has its instant and nothing else."""
    return lambda entry: Row(kind, entry.at)


def read_alone(make: Callable[[int], E]) -> Callable[[Row], E]:
    """Reads them."""
    return lambda row: make(row.at)
