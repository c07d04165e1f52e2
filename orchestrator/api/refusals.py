"""What a caller is told of an error: one table, and one limit.

gRPC carries a status in the metadata, of which clients take 8 KB and no more: beyond that the whole answer is lost.
So whatever a refusal quotes is cut, and says that it was.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

from orchestrator import errors
from orchestrator.contract.wording import cut

if TYPE_CHECKING:
    from google.protobuf.message import Message

_log = logging.getLogger(__name__)

DOMAIN: Final = "orchestrator"

# The code and the ErrorInfo reason of each error that a caller may see; the first match counts.
_CODES: Final[tuple[tuple[type[errors.OrchestratorError], grpc.StatusCode, str], ...]] = (
    (errors.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT"),
    (errors.SagaNotFound, grpc.StatusCode.NOT_FOUND, "SAGA_NOT_FOUND"),
    (errors.SagaExists, grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"),
    (errors.ActRefused, grpc.StatusCode.FAILED_PRECONDITION, ""),
    (errors.Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED, ""),
    (errors.Recovering, grpc.StatusCode.UNAVAILABLE, "RECOVERING"),
    (errors.ClaimLost, grpc.StatusCode.ABORTED, "CLAIM_LOST"),
    (errors.JournalError, grpc.StatusCode.UNAVAILABLE, "JOURNAL_UNAVAILABLE"),
)
_PASSING: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED})
_RETRY_SECONDS: Final = 1

# The message is sent twice: each of its bytes as up to three, and within the details as one and a third.
_MESSAGE_BYTES: Final = 500
_FIELD_BYTES: Final = 200
_DESCRIPTION_BYTES: Final = 300
_VIOLATIONS_BYTES: Final = 2500


def status_for(error: Exception) -> status_pb2.Status:
    """What a caller is told. The inside of an unexpected error stays inside."""
    for kind, code, reason in _CODES:
        if isinstance(error, kind):
            status = status_pb2.Status(code=code.value[0], message=cut(str(error), _MESSAGE_BYTES))
            info = error_details_pb2.ErrorInfo(reason=reason or getattr(error, "reason", ""), domain=DOMAIN)
            if isinstance(error, errors.SagaError):
                info.metadata["saga_id"] = cut(error.saga_id, _FIELD_BYTES)
            for detail in (info, *_further(error, code)):
                status.details.add().Pack(detail)
            return status
    _log.error("a call failed unexpectedly", exc_info=error)
    return status_pb2.Status(code=code_pb2.INTERNAL, message="internal error; the orchestrator's log tells more")


def _further(error: errors.OrchestratorError, code: grpc.StatusCode) -> list[Message]:
    """The details besides ErrorInfo."""
    if isinstance(error, errors.InvalidInput):
        return [_bad_request(error.violations)]
    if code in _PASSING:
        return [error_details_pb2.RetryInfo(retry_delay=Duration(seconds=_RETRY_SECONDS))]
    return []


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
