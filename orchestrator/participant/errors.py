"""What a guarded call is refused with, whatever protocol it came by.

    Refusal
    ├── Rejection       raised by a handler: a definite business refusal; the guard records it for a command
    └── GuardRefusal    raised by the guard itself: it follows from a record, or from the metadata of the call

A code is the name of a gRPC status code, such as ``FAILED_PRECONDITION``.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from orchestrator.participant.texts import well_formed

DEFINITE: Final = frozenset(
    {
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OUT_OF_RANGE",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
    }
)
"""The codes of a definite refusal. The others tell a caller to try again, or that the outcome is unknown."""


class Refusal(Exception):
    """An answer other than a reply.

    Args:
        reason: what a program may branch on, in UPPER_SNAKE, such as ``NO_HOTEL``.
        message: what a person reads.
        code: the name of a gRPC status code, or a ``grpc.StatusCode``.
        metadata: the facts behind the refusal; values are shown as text.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        code: str | Enum = "FAILED_PRECONDITION",
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = well_formed(reason)
        self.message = well_formed(message)
        self.code = code.name if isinstance(code, Enum) else code
        self.metadata = {well_formed(name): well_formed(str(value)) for name, value in (metadata or {}).items()}


class Rejection(Refusal):
    """A definite business refusal, which a handler raises; ``code`` is one of ``DEFINITE``."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        code: str | Enum = "FAILED_PRECONDITION",
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(reason, message, code=code, metadata=metadata)
        if self.code not in DEFINITE:
            raise ValueError(f"{self.code} is no definite refusal")


class GuardRefusal(Refusal):
    """A refusal by the guard itself.

    Attributes:
        echo: whether it holds for every attempt of the call's idempotency key.
    """

    echo = False

    @classmethod
    def settled(cls, reason: str, message: str, *, code: str, metadata: Mapping[str, object]) -> "GuardRefusal":
        """One that holds for every attempt of the key."""
        refusal = cls(reason, message, code=code, metadata=metadata)
        refusal.echo = True
        return refusal


class RefusedError(Exception):
    """How a handler's definite refusal comes to the guard: as the bytes that the record keeps."""

    def __init__(self, content: bytes) -> None:
        super().__init__("refused by the handler")
        self.content = content


class PostponedError(Exception):
    """How a handler's "no effect yet, try again" comes to the guard; each protocol has one of its own."""
