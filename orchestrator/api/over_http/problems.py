"""How a refusal is told over HTTP: as a problem detail (RFC 9457) that holds the details of google.rpc, too.

It has the status, ``code``, ``reason``, ``metadata`` and ``violations`` of ``participant.http_answers``, by which the
orchestrator itself reads the answers of its participants over HTTP. ``details`` are those of the google.rpc.Status, as
JSON, so that nothing is lost that a caller over gRPC is told.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import json_format
from google.rpc import error_details_pb2

from orchestrator.contract.status_code import StatusCode
from orchestrator.participant.http_answers import PROBLEM, RETRY_AFTER, STATUSES, problem
from orchestrator.participant.transcoding.documents import written

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any as AnyMessage
    from google.rpc import status_pb2

    Headers = tuple[tuple[str, str], ...]

_NAMES: Final = {code.number: code.value for code in StatusCode}
_UNAUTHENTICATED: Final = 401


class Answer:
    """An answer that is whole.

    Args:
        status: of HTTP.
        body: its body.
        headers: besides those of the body, names in lower case.
        content_type: of the body.
    """

    def __init__(self, status: int, body: bytes, headers: Headers = (), content_type: str = PROBLEM) -> None:
        self.status = status
        self.body = body
        self.headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % len(body)),
            *((name.encode(), value.encode("latin-1")) for name, value in headers),
        ]


def refusal(status: int, message: str, reason: str, headers: Headers = ()) -> Answer:
    """What HTTP itself refuses, for which gRPC has no word."""
    return Answer(status, written(problem(status, message, reason=reason)), headers)


def problem_of(status: status_pb2.Status) -> dict[str, Any]:
    """A status as a problem detail."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    code = _NAMES.get(status.code, StatusCode.UNKNOWN.value)
    told = problem(
        STATUSES[code],
        status.message,
        code=code,
        reason=info.reason,
        metadata=info.metadata,
        violations=[(violation.field, violation.description) for violation in bad.field_violations],
    )
    return told | ({"details": [_detail(each) for each in status.details]} if status.details else {})


def answer_of(status: status_pb2.Status) -> Answer:
    """A status as an answer."""
    told, headers = problem_of(status), []
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(retry):
            seconds = math.ceil(retry.retry_delay.ToTimedelta().total_seconds())
            headers.append((RETRY_AFTER, str(max(0, seconds))))
    if told["status"] == _UNAUTHENTICATED:
        headers.append(("www-authenticate", "Bearer"))
    return Answer(told["status"], written(told), tuple(headers))


def _detail(detail: AnyMessage) -> dict[str, Any]:
    """A detail as JSON; in its bytes, where its type is not known here."""
    try:
        return json_format.MessageToDict(detail)
    except (json_format.Error, TypeError, ValueError):
        return {"@type": detail.type_url, "value": base64.b64encode(detail.value).decode()}
