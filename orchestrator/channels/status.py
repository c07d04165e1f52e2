"""What a status code says about the attempt that it ends: one table for every channel.

Rejected means that this attempt was refused and has no effect. Retry means that it has none yet. Everything else is
unknown: a timeout or a broken connection says nothing about the effect. What a contract's ``outcomes`` say comes first.
"""

from __future__ import annotations

from typing import Final

from orchestrator.contract.command import Meaning
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Failure, Rejected

IDEMPOTENCY_KEY: Final = "idempotency-key"
"""The metadata in which a command carries its key, and in which a guard gives it back."""

REPLY_MISSING: Final = "REPLY_MISSING"
REPLY_TOO_LARGE: Final = "REPLY_TOO_LARGE"
REQUEST_TOO_LARGE: Final = "REQUEST_TOO_LARGE"
"""The reasons of what the channel itself could not carry."""

LONGEST_RETRY_AFTER: Final = 300.0
"""Seconds. A participant that asks to be left alone for longer is asked again after these, and may say so again."""

MESSAGE_BYTES: Final = 4096
REASON_BYTES: Final = 200
"""How much of what a participant says is kept."""

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


def asks_for_longer(seconds: float) -> str:
    """What is added to the message of a participant that asks to be left alone for longer than it will be."""
    return f" (asks to wait {seconds:.0f} s; asked again after {LONGEST_RETRY_AFTER:.0f} s)"


def too_large(size: int, most: int) -> Rejected:
    """The outcome of a request that is not sent, because it has more bytes than may be."""
    message = f"the request has {size} bytes, more than the {most} of ORCHESTRATOR_MOST_MESSAGE_BYTES; it was not sent"
    return Rejected(Failure(StatusCode.RESOURCE_EXHAUSTED, message, REQUEST_TOO_LARGE))
