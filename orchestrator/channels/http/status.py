"""What an HTTP status says about the attempt that it ends: the one table of this channel.

::

    200, 201, 203, 204, 205   a reply, if the body can be read as one
    any other 1xx, 2xx, 3xx   unknown: "accepted" is not done, and no redirect is followed
    4xx                       by the table; what is not in it is rejected
    5xx                       unknown: anybody on the way may have said it, before or after the effect

An answer whose problem detail names a gRPC status code, as the guard's do, means what that code means
(:mod:`orchestrator.channels.status`), provided that the code fits the status: there are services whose texts differ
from their statuses. What a contract's ``outcomes`` say of the code comes before both.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from orchestrator.channels.status import MEANINGS
from orchestrator.contract.command import Meaning
from orchestrator.contract.status_code import StatusCode
from orchestrator.participant.http_answers import STATUSES


class Said(NamedTuple):
    """What a status says.

    Attributes:
        code: the status code in which it is told further.
        meaning: what it says about the effect of its attempt.
    """

    code: StatusCode
    meaning: Meaning


REPLIES: Final = frozenset({200, 201, 203, 204, 205})
"""The statuses that come with a reply."""

WITHOUT_CONTENT: Final = frozenset({204, 205})
"""Those of them that say that there is nothing to read."""

TABLE: Final[dict[int, Said]] = {
    400: Said(StatusCode.INVALID_ARGUMENT, Meaning.REJECTED),
    401: Said(StatusCode.UNAUTHENTICATED, Meaning.REJECTED),
    403: Said(StatusCode.PERMISSION_DENIED, Meaning.REJECTED),
    404: Said(StatusCode.NOT_FOUND, Meaning.REJECTED),
    405: Said(StatusCode.UNIMPLEMENTED, Meaning.REJECTED),
    407: Said(StatusCode.UNAUTHENTICATED, Meaning.REJECTED),
    408: Said(StatusCode.DEADLINE_EXCEEDED, Meaning.UNKNOWN),
    409: Said(StatusCode.ABORTED, Meaning.RETRY),
    410: Said(StatusCode.NOT_FOUND, Meaning.REJECTED),
    413: Said(StatusCode.RESOURCE_EXHAUSTED, Meaning.REJECTED),
    416: Said(StatusCode.OUT_OF_RANGE, Meaning.REJECTED),
    423: Said(StatusCode.ABORTED, Meaning.RETRY),
    425: Said(StatusCode.ABORTED, Meaning.RETRY),
    429: Said(StatusCode.RESOURCE_EXHAUSTED, Meaning.RETRY),
    431: Said(StatusCode.RESOURCE_EXHAUSTED, Meaning.REJECTED),
    499: Said(StatusCode.CANCELLED, Meaning.UNKNOWN),
    500: Said(StatusCode.INTERNAL, Meaning.UNKNOWN),
    501: Said(StatusCode.UNIMPLEMENTED, Meaning.UNKNOWN),
    502: Said(StatusCode.UNAVAILABLE, Meaning.UNKNOWN),
    503: Said(StatusCode.UNAVAILABLE, Meaning.UNKNOWN),
    504: Said(StatusCode.DEADLINE_EXCEEDED, Meaning.UNKNOWN),
}
"""The statuses that say more than their hundreds do."""

_REJECTED: Final = Said(StatusCode.FAILED_PRECONDITION, Meaning.REJECTED)
_UNKNOWN: Final = Said(StatusCode.UNKNOWN, Meaning.UNKNOWN)

# Google's own mapping, where it differs from ours.
_ALSO: Final[dict[StatusCode, int]] = {
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.OUT_OF_RANGE: 400,
}


def said_by(status: int, code: str = "") -> Said:
    """What a status says that brought no reply.

    Args:
        status: the HTTP status.
        code: the gRPC status code that the problem detail names; empty for none.
    """
    if code in StatusCode.__members__ and code != StatusCode.OK:
        named = StatusCode[code]
        if status in (STATUSES[code], _ALSO.get(named)):
            return Said(named, MEANINGS[named])
    if known := TABLE.get(status):
        return known
    return _REJECTED if 400 <= status < 500 else _UNKNOWN  # noqa: PLR2004 - the hundreds of HTTP
