"""How answers are told over HTTP: the names and numbers that both ends share.

An answer that is no reply is a problem detail (RFC 9457)::

    HTTP/1.1 422 Unprocessable Entity
    content-type: application/problem+json
    idempotency-key: <the key of the call, where the guard echoes it>
    retry-after: <seconds, where the caller should wait>

    {"type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "no hotel in Nowhere",
     "code": "FAILED_PRECONDITION", "reason": "NO_HOTEL", "metadata": {"city": "Nowhere"},
     "violations": [{"field": "city", "description": "must not be empty"}]}

``code`` is the name of a gRPC status code, ``reason`` and ``metadata`` are those of google.rpc.ErrorInfo, and
``violations`` are those of google.rpc.BadRequest; each may be missing. What a status means without them is told in
``orchestrator.channels.http.status``.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"

REQUEST_TIMEOUT: Final = "request-timeout"
"""The header that says for how many seconds the caller waits, such as ``2.5``; what is begun later is in vain."""

RETRY_AFTER: Final = "retry-after"
"""The header that says for how many seconds the caller should wait; a fraction is legal between us."""

HEALTH_PATH: Final = "/health"
"""Where a participant tells its health: ``GET /health?service=<full name>`` is 200 where it serves, else 503."""

STATUSES: Final[dict[str, int]] = {
    "OK": 200,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 422,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 422,
    "ABORTED": 409,
    "OUT_OF_RANGE": 422,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
"""The HTTP status of each gRPC status code. 409 says "try again", so no definite refusal has it."""

_PHRASES: Final = {499: "Client Closed Request"}


def problem(
    status: int,
    message: str,
    *,
    code: str = "",
    reason: str = "",
    metadata: Mapping[str, str] | None = None,
    violations: Iterable[tuple[str, str]] = (),
) -> dict[str, Any]:
    """A problem detail; what is empty is left out.

    Args:
        status: the HTTP status.
        message: what a person reads.
        code: the name of the gRPC status code.
        reason: what a program may branch on, in UPPER_SNAKE.
        metadata: the facts behind it.
        violations: pairs of a field of the request and what is wrong with it.
    """
    extensions = {
        "code": code,
        "reason": reason,
        "metadata": dict(metadata or {}),
        "violations": [{"field": field, "description": wrong} for field, wrong in violations],
    }
    return {
        "type": "about:blank",
        "title": _PHRASES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        **{name: value for name, value in extensions.items() if value},
    }
