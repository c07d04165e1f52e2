"""A failed attempt as the API tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Failure


def status_of(failure: Failure) -> status_pb2.Status:
    """A failure as a google.rpc.Status."""
    status = status_pb2.Status(code=failure.code.number, message=failure.message)
    if failure.reason:
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=failure.reason))
    return status
