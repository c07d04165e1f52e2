"""What a status code says about the attempt that it ends: one table for every channel.

Rejected means that this attempt was refused and has no effect. Retry means that it has none yet. Everything else is
unknown: a timeout or a broken connection says nothing about the effect. What a contract's ``outcomes`` say comes first.
"""

from __future__ import annotations

from typing import Final

from orchestrator.contract.command import Meaning
from orchestrator.contract.status_code import StatusCode

MEANINGS: Final[dict[StatusCode, Meaning]] = {
    StatusCode.CANCELLED: Meaning.UNKNOWN,
    StatusCode.UNKNOWN: Meaning.UNKNOWN,
    StatusCode.INVALID_ARGUMENT: Meaning.REJECTED,
    StatusCode.DEADLINE_EXCEEDED: Meaning.UNKNOWN,
    StatusCode.NOT_FOUND: Meaning.REJECTED,
    StatusCode.ALREADY_EXISTS: Meaning.REJECTED,
    StatusCode.PERMISSION_DENIED: Meaning.REJECTED,
    StatusCode.RESOURCE_EXHAUSTED: Meaning.RETRY,
    StatusCode.FAILED_PRECONDITION: Meaning.REJECTED,
    StatusCode.ABORTED: Meaning.RETRY,
    StatusCode.OUT_OF_RANGE: Meaning.REJECTED,
    StatusCode.UNIMPLEMENTED: Meaning.REJECTED,
    StatusCode.INTERNAL: Meaning.UNKNOWN,
    StatusCode.UNAVAILABLE: Meaning.UNKNOWN,
    StatusCode.DATA_LOSS: Meaning.UNKNOWN,
    StatusCode.UNAUTHENTICATED: Meaning.REJECTED,
}
"""Every code that ends an attempt without a reply."""


def meaning_of(code: StatusCode, *, detailed: bool) -> Meaning:
    """What a status says about its attempt.

    Args:
        code: the status; not OK.
        detailed: rich details came with it. Only a participant gives them, and only then does a status mean "not yet":
            a reply that is too large for gRPC itself is RESOURCE_EXHAUSTED as well, and its effect stands.
    """
    meaning = MEANINGS[code]
    return Meaning.UNKNOWN if meaning is Meaning.RETRY and not detailed else meaning
