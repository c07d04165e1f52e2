"""What a caller is told of an error: one table, and one limit.

gRPC carries a status in the metadata, of which clients take 8 KB and no more: beyond that the whole answer is lost.
So whatever a refusal quotes is cut, and says that it was.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from orchestrator import errors
from orchestrator.contract.status_code import StatusCode
from orchestrator.contract.wording import cut

if TYPE_CHECKING:
    from google.protobuf.message import Message

_log = logging.getLogger(__name__)

DOMAIN: Final = "orchestrator"


class Refusal(NamedTuple):
    """How callers are told of one kind of error.

    Attributes:
        code: the status code.
        reason: the reason of the google.rpc.ErrorInfo; empty where each error of the kind has its own.
        passes: the same request may succeed a little later, and the answer says when to try.
    """

    code: StatusCode
    reason: str = ""
    passes: bool = False


REFUSALS: Final[dict[type[errors.OrchestratorError], Refusal]] = {
    errors.NotAuthenticated: Refusal(StatusCode.UNAUTHENTICATED),
    errors.NotAllowed: Refusal(StatusCode.PERMISSION_DENIED),
    errors.KeysUnavailable: Refusal(StatusCode.UNAVAILABLE, "KEYS_UNAVAILABLE", passes=True),
    errors.InvalidInput: Refusal(StatusCode.INVALID_ARGUMENT, "INVALID_INPUT"),
    errors.SagaNotFound: Refusal(StatusCode.NOT_FOUND, "SAGA_NOT_FOUND"),
    errors.SagaExists: Refusal(StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"),
    errors.ScheduleNotFound: Refusal(StatusCode.NOT_FOUND, "SCHEDULE_NOT_FOUND"),
    errors.ScheduleExists: Refusal(StatusCode.ALREADY_EXISTS),
    errors.ScheduleRefused: Refusal(StatusCode.FAILED_PRECONDITION),
    errors.SinkNotFound: Refusal(StatusCode.NOT_FOUND, "SINK_NOT_FOUND"),
    errors.ParticipantNotFound: Refusal(StatusCode.NOT_FOUND, "PARTICIPANT_NOT_FOUND"),
    errors.DeadCommandNotFound: Refusal(StatusCode.NOT_FOUND, "DEAD_COMMAND_NOT_FOUND"),
    errors.BrokerAway: Refusal(StatusCode.UNAVAILABLE, "BROKER_UNAVAILABLE", passes=True),
    errors.BulkActNotFound: Refusal(StatusCode.NOT_FOUND, "BULK_ACT_NOT_FOUND"),
    errors.BulkActRefused: Refusal(StatusCode.FAILED_PRECONDITION),
    errors.SagaDeleted: Refusal(StatusCode.ALREADY_EXISTS, "SAGA_DELETED"),
    errors.ActRefused: Refusal(StatusCode.FAILED_PRECONDITION),
    errors.SignalTypeDiffers: Refusal(StatusCode.INVALID_ARGUMENT),
    errors.RequestIdUsed: Refusal(StatusCode.ALREADY_EXISTS),
    errors.ActNoted: Refusal(StatusCode.DEADLINE_EXCEEDED, "ACT_NOTED"),
    errors.Overloaded: Refusal(StatusCode.RESOURCE_EXHAUSTED, passes=True),
    errors.Recovering: Refusal(StatusCode.UNAVAILABLE, "RECOVERING", passes=True),
    errors.NotOffered: Refusal(StatusCode.UNIMPLEMENTED, "NOT_OFFERED"),
    errors.Draining: Refusal(StatusCode.UNAVAILABLE, "DRAINING", passes=True),
    errors.ClaimLost: Refusal(StatusCode.ABORTED, "CLAIM_LOST", passes=True),
    errors.EntriesUnwritable: Refusal(StatusCode.INVALID_ARGUMENT, "ENTRIES_UNWRITABLE"),
    errors.JournalError: Refusal(StatusCode.UNAVAILABLE, "JOURNAL_UNAVAILABLE", passes=True),
}
"""What a caller may see. An error without a line of its own is told as the nearest class above it that has one."""

_RETRY_SECONDS: Final = 1

# The message is sent twice: each of its bytes as up to three, and within the details as one and a third.
_MESSAGE_BYTES: Final = 500
_FIELD_BYTES: Final = 200
_DESCRIPTION_BYTES: Final = 300
_VIOLATIONS_BYTES: Final = 2500


def status_for(error: Exception) -> status_pb2.Status:
    """What a caller is told. The inside of an unexpected error stays inside."""
    refusal = next((REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS), None)
    if refusal is None:
        _log.error("a call failed unexpectedly", exc_info=error)
        message = "internal error; the orchestrator's log tells more"
        return status_pb2.Status(code=StatusCode.INTERNAL.number, message=message)
    status = status_pb2.Status(code=refusal.code.number, message=cut(str(error), _MESSAGE_BYTES))
    for detail in _details(error, refusal):
        status.details.add().Pack(detail)
    return status


def _details(error: Exception, refusal: Refusal) -> list[Message]:
    info = error_details_pb2.ErrorInfo(reason=refusal.reason or getattr(error, "reason", ""), domain=DOMAIN)
    if isinstance(error, errors.SagaError):
        info.metadata["saga_id"] = cut(error.saga_id, _FIELD_BYTES)
    if isinstance(error, errors.ScheduleError):
        info.metadata["schedule"] = cut(error.name, _FIELD_BYTES)
    if isinstance(error, errors.BulkActError):
        info.metadata["bulk_act_id"] = cut(error.bulk_id, _FIELD_BYTES)
    details = [info]
    if isinstance(error, errors.InvalidInput):
        details.append(_bad_request(error.violations))
    if refusal.passes:
        details.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=_RETRY_SECONDS)))
    return details


def _bad_request(violations: tuple[tuple[str, str], ...]) -> error_details_pb2.BadRequest:
    """As many violations as there is room for, and how many more there are."""
    bad, size = error_details_pb2.BadRequest(), 0
    for number, (field, description) in enumerate(violations):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=cut(field, _FIELD_BYTES), description=cut(description, _DESCRIPTION_BYTES)
        )
        size += violation.ByteSize()
        if size > _VIOLATIONS_BYTES:
            bad.field_violations.add(description=f"and {len(violations) - number} more")
            break
        bad.field_violations.append(violation)
    return bad
