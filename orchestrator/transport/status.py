"""What a gRPC status says about one attempt: one table.

Rejected means that this attempt was refused and has no effect. Retry means that it has none yet. Everything else is
unknown: a timeout or a broken connection says nothing about the effect. What a contract's ``outcomes`` say comes first.

Proxies, meshes and wrong backends refuse, too. A participant's guard shows that a refusal is its own, and so holds for
all attempts, by giving the idempotency key back in the trailing metadata.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from orchestrator.contract.command import Meaning
from orchestrator.engine.outcome import Failure, Outcome, Rejected, Retry, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grpc.aio import AioRpcError

    from orchestrator.contract.command import OutcomeRule

REJECTED: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


# Only with details, which a participant gives and gRPC itself does not: a reply that is too large for the channel is
# RESOURCE_EXHAUSTED too, and its effect stands.
RETRY: Final = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED})


IDEMPOTENCY_KEY: Final = "idempotency-key"
"""The metadata in which a command carries its key, and in which a guard gives it back."""


def outcome_of(error: AioRpcError, rules: Sequence[OutcomeRule] = (), key: str = "") -> Outcome:
    """The outcome of an attempt that did not end with OK.

    Args:
        error: the status.
        rules: what the method's contract says of certain statuses.
        key: the idempotency key that was sent.
    """
    details = _details(error)
    reason = next((detail.reason for detail in details if isinstance(detail, error_details_pb2.ErrorInfo)), "")
    failure = Failure(error.code().name, error.details() or "", reason)
    ruled = next((rule.meaning for rule in rules if rule.matches(failure.code, reason, failure.message)), None)
    meaning = ruled or _meaning(error.code(), detailed=bool(details))
    if meaning is Meaning.REJECTED:
        return Rejected(failure, _echoes(error, key), ruled is not None)
    delays = [d.retry_delay.ToTimedelta() for d in details if isinstance(d, error_details_pb2.RetryInfo)]
    retry_after = delays[0].total_seconds() if delays else 0.0
    return (Retry if meaning is Meaning.RETRY else Unknown)(failure, retry_after)


def _meaning(code: grpc.StatusCode, *, detailed: bool) -> Meaning:
    if code in REJECTED:
        return Meaning.REJECTED
    return Meaning.RETRY if code in RETRY and detailed else Meaning.UNKNOWN


def _echoes(error: AioRpcError, key: str) -> bool:
    """The answer gives the key back, and no other one."""
    echoed = [value for name, value in error.trailing_metadata() or () if name == IDEMPOTENCY_KEY]
    return bool(key) and echoed == [key]


def status_of(failure: Failure) -> status_pb2.Status:
    """A failure as a google.rpc.Status, for the API's answers."""
    status = status_pb2.Status(code=code_pb2.Code.Value(failure.code), message=failure.message)
    if failure.reason:
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=failure.reason))
    return status


def _details(error: AioRpcError) -> list[error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo]:
    """The rich details that matter here; none where the participant sent none, or nonsense."""
    found = []
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError has all that is read
        for packed in status.details if status else ():
            for kind in (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo):
                detail = kind()
                if packed.Unpack(detail):
                    found.append(detail)
    except (ValueError, DecodeError):
        return []
    return found
