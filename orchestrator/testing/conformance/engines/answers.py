"""The outcomes that participants are scripted to answer with, and who acts."""

from __future__ import annotations

from typing import Final

from google.protobuf.wrappers_pb2 import StringValue

from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.sagas import Signal
from orchestrator.journal.actor import Actor
from orchestrator.journal.outcome import Failure, Rejected, Retry, Unknown
from saga.v1.saga_pb2 import Decision

ADA: Final = Actor("ada", "token file", "ipv4:127.0.0.1:1")
REJECTED: Final = Rejected(Failure(StatusCode.FAILED_PRECONDITION, "no", "NO"))
REJECTED_BY_GUARD: Final = Rejected(Failure(StatusCode.FAILED_PRECONDITION, "no", "NO"), echoed=True)
NOT_SEEN: Final = Rejected(Failure(StatusCode.NOT_FOUND, "never seen", "COMMAND_NOT_SEEN"), echoed=True)
UNKNOWN: Final = Unknown(Failure(StatusCode.DEADLINE_EXCEEDED, "no answer"))
BUSY: Final = Retry(Failure(StatusCode.UNAVAILABLE, "not now", "BUSY"))
BUSY_FOR_LONG: Final = Retry(Failure(StatusCode.UNAVAILABLE, "not for a minute", "BUSY"), 60.0)


def note(text: str, request_id: str, name: str = "note") -> Signal:
    """A signal with a text."""
    return Signal(request_id, name, StringValue.DESCRIPTOR.full_name, StringValue(value=text).SerializeToString(), ADA)


def decision(request_id: str, *, approved: bool = True) -> Signal:
    """Somebody's yes or no."""
    payload = Decision(approved=approved, decided_by=ADA.name).SerializeToString()
    return Signal(request_id, "approval", Decision.DESCRIPTOR.full_name, payload, ADA)
