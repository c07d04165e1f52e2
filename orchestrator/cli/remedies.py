"""What to do about a refusal of the orchestrator: one table, by the reason that the refusal carries."""

from __future__ import annotations

import re
from typing import Final

import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_DETAILS: Final = "grpc-status-details-bin"
_BY_REASON: Final = {
    "SAGA_NOT_FOUND": "see: orchestrator list",
    "SCHEDULE_NOT_FOUND": "see: orchestrator schedules list",
    "PARTICIPANT_NOT_FOUND": "see: orchestrator dead-commands list",
    "DEAD_COMMAND_NOT_FOUND": "see: orchestrator dead-commands list",
    "REQUEST_ID_REUSED": "say another --request-id, or none",
    "DRAINING": "ask again in a while, or name another --address",
}
_BY_CODE: Final = {
    grpc.StatusCode.PERMISSION_DENIED: "ask an administrator for that role",
    grpc.StatusCode.FAILED_PRECONDITION: "see what can be done: orchestrator show {saga_id}",
}
_SAGA: Final = re.compile(r"\bsaga ([0-9a-zA-Z][\w/.-]*)")


def remedy_for(error: grpc.aio.AioRpcError, why: str) -> str:
    """What to do about a refusal; empty where it says so itself.

    Args:
        error: the refusal.
        why: what it says.
    """
    told = _BY_REASON.get(reason_of(error)) or _BY_CODE.get(error.code(), "")
    if "{saga_id}" not in told:
        return told
    named = _SAGA.search(why)
    return told.format(saga_id=named[1]) if named else ""


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason of the google.rpc.ErrorInfo that a refusal carries; empty where it carries none."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            return _reason_in(value)
    return ""


def _reason_in(serialized: bytes) -> str:
    info = error_details_pb2.ErrorInfo()
    try:
        details = status_pb2.Status.FromString(serialized).details
        return info.reason if any(each.Is(info.DESCRIPTOR) and each.Unpack(info) for each in details) else ""
    except DecodeError:
        return ""
