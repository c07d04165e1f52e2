"""The faults of one delivery of a command: what goes wrong, where, and what the sender sees."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Protocol

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Failure, Rejected, Unknown

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome


class Fault(enum.Enum):
    """What happens to one delivery.

    ================  ==================================================  ===================
    fault             what happens                                        the sender sees
    ================  ==================================================  ===================
    NONE              nothing unusual                                     the answer
    REJECT            the participant refuses; no effect                  rejected
    FAIL_BEFORE       the way there breaks; no effect                     UNAVAILABLE
    FAIL_AFTER        the way back breaks; the effect stands              UNAVAILABLE
    TIMEOUT_BEFORE    it is lost on the way there; no effect              DEADLINE_EXCEEDED
    TIMEOUT_AFTER     the answer is lost; the effect stands               DEADLINE_EXCEEDED
    DUPLICATE         it arrives twice                                    the second answer
    LATE              it arrives after its compensation                   DEADLINE_EXCEEDED
    FRONTED           a proxy or a wrong backend answers; no effect       rejected, no echo
    GARBLED           the reply is spoilt; the effect stands              nonsense
    ================  ==================================================  ===================
    """

    NONE = enum.auto()
    REJECT = enum.auto()
    FAIL_BEFORE = enum.auto()
    FAIL_AFTER = enum.auto()
    TIMEOUT_BEFORE = enum.auto()
    TIMEOUT_AFTER = enum.auto()
    DUPLICATE = enum.auto()
    LATE = enum.auto()
    FRONTED = enum.auto()
    GARBLED = enum.auto()


class Faults(Protocol):
    """Decides what happens to each delivery."""

    def __call__(self, command: Command, metadata: tuple[tuple[str, str], ...]) -> Fault:
        """The fault of the next delivery of this command."""


_UNAVAILABLE: Final = Unknown(Failure(StatusCode.UNAVAILABLE, "the mock's connection broke"))
_TIMEOUT: Final = Unknown(Failure(StatusCode.DEADLINE_EXCEEDED, "the mock's answer is lost"))

LOST: Final[dict[Fault, Outcome]] = {
    Fault.FAIL_BEFORE: _UNAVAILABLE,
    Fault.FAIL_AFTER: _UNAVAILABLE,
    Fault.TIMEOUT_BEFORE: _TIMEOUT,
    Fault.TIMEOUT_AFTER: _TIMEOUT,
    Fault.LATE: _TIMEOUT,
    Fault.FRONTED: Rejected(Failure(StatusCode.UNAUTHENTICATED, "the mock's front does not let this pass")),
    Fault.GARBLED: Completed(b"\xff\xff"),
}
"""What the sender sees in place of an answer."""

NEVER_ARRIVES: Final = frozenset({Fault.FAIL_BEFORE, Fault.TIMEOUT_BEFORE, Fault.FRONTED})
"""The faults with which a command does not reach the participant at all."""

REJECTION: Final = Rejected(
    Failure(StatusCode.FAILED_PRECONDITION, "the mock was told to reject this", "MOCK_REJECTION")
)


def no_faults(command: Command, metadata: tuple[tuple[str, str], ...]) -> Fault:  # noqa: ARG001 - see Faults
    """Everything goes well."""
    return Fault.NONE
