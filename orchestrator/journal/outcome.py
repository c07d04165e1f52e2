"""What came of one attempt to deliver a command: a value, not an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from orchestrator.contract.status_code import StatusCode
    from orchestrator.journal.events import HeldEvent


class Failure(NamedTuple):
    """How an attempt failed.

    Attributes:
        code: the status code; in the journal, its name.
        message: the participant's or the transport's message.
        reason: the ``reason`` of the google.rpc.ErrorInfo, or empty.
    """

    code: StatusCode
    message: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.code}{f' ({self.reason})' if self.reason else ''}: {self.message}"


class Completed(NamedTuple):
    """The participant did it, and answered with these bytes.

    Attributes:
        reply: those bytes.
        events: where it is a child saga: what that has published, and holds because it may be rolled back yet.
    """

    reply: bytes
    events: tuple[HeldEvent, ...] = ()


class Rejected(NamedTuple):
    """This attempt was refused; it has no effect. Of attempts before it, that says nothing, unless it is echoed.

    Attributes:
        failure: what was said.
        echoed: the participant's guard itself refused, and showed it by giving the idempotency key back: there is no
            effect of any attempt, nor will there be.
        ruled: a rule of the contract calls this status a rejection.
    """

    failure: Failure
    echoed: bool = False
    ruled: bool = False


class Retry(NamedTuple):
    """The participant cannot take it now; there is no effect yet.

    Attributes:
        failure: what was seen.
        retry_after: seconds for which the participant asks to be left alone, from google.rpc.RetryInfo; or 0.
    """

    failure: Failure
    retry_after: float = 0.0


class Unknown(NamedTuple):
    """It may have taken effect: a timeout, a broken connection, a reply that cannot be used.

    Attributes:
        failure: what was seen.
        retry_after: seconds for which the participant asks to be left alone, from google.rpc.RetryInfo; or 0.
        final: sending the command again will tell no more.
    """

    failure: Failure
    retry_after: float = 0.0
    final: bool = False


Outcome: TypeAlias = Completed | Rejected | Retry | Unknown
