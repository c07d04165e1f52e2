"""What brought a saga to where it stands, as it is searched for and counted: a summary of the reason that counts now.

It counts in the statuses of a saga that goes back, went back or waits for an operator, and in no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.wording import cut

if TYPE_CHECKING:
    from orchestrator.journal.reason import Reason, ReasonCode

LONGEST_MESSAGE: Final = 1000
"""Characters of the message that are kept for the search; the journal keeps all of them."""

_NUL: Final = "\0"
_NO_NUL: Final = "\N{REPLACEMENT CHARACTER}"  # no text of PostgreSQL holds a NUL
_LOWER: Final = {number: number + 32 for number in range(ord("A"), ord("Z") + 1)}


class Cause(NamedTuple):
    """Why a saga rolls back, was rolled back or is suspended.

    Attributes:
        code: the kind of reason.
        command: the full name of the rpc that gave rise to it, or empty.
        message: the sentence for people, without what a database has no form for, and cut where it is long.
        since: since when this is so; nanoseconds since the epoch, UTC.
    """

    code: ReasonCode
    command: str
    message: str
    since: int

    @classmethod
    def of(cls, reason: Reason, command: str, since: int) -> Cause:
        """What is kept of a reason."""
        return cls(reason.code, command, cut(reason.message.replace(_NUL, _NO_NUL), LONGEST_MESSAGE), since)


def lowered(text: str) -> str:
    """The text with the letters A to Z made small, as every store compares it."""
    return text.translate(_LOWER)
