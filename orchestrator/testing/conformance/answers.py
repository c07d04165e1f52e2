"""What a participant answered, as the checks compare it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf import text_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from orchestrator.channels.status import MEANINGS
from orchestrator.contract.command import Meaning
from orchestrator.contract.redaction import redacted
from orchestrator.contract.status_code import StatusCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.message import Message
    from grpc.aio import AioRpcError

    from orchestrator.contract.command import OutcomeRule

    Trailing = Iterable[tuple[str, str | bytes]] | None

KEY: Final = "idempotency-key"
"""The metadata that brings a command's key and, in the trailing metadata of a guard's own answers, its echo."""

_LONGEST: Final = 160


class Answer(NamedTuple):
    """One answer.

    Attributes:
        code: the status code.
        message: the participant's or the transport's message.
        reason: the ``reason`` of the google.rpc.ErrorInfo, or empty.
        reply: the reply, where the code is OK.
        violations: the fields of the google.rpc.BadRequest.
        echo: the idempotency key in the trailing metadata; empty where there is none.
        ruled: the meaning that the method's contract, or the channel, gives to such a status; ``None`` for that of
            the code.
    """

    code: StatusCode
    message: str = ""
    reason: str = ""
    reply: Message | None = None
    violations: tuple[str, ...] = ()
    echo: tuple[str, ...] = ()
    ruled: Meaning | None = None

    @classmethod
    def completed(cls, reply: Message, trailing: Trailing = None) -> Answer:
        """The command took effect, or the query was answered."""
        return cls(StatusCode.OK, reply=reply, echo=_echo(trailing))

    @classmethod
    def failed(cls, error: AioRpcError, rules: Sequence[OutcomeRule] = ()) -> Answer:
        """Any other end of a call, to a method whose contract has these rules."""
        reason, violations = "", ()
        for detail in _details(error):
            if isinstance(detail, error_details_pb2.ErrorInfo):
                reason = detail.reason
            else:
                violations = tuple(violation.field for violation in detail.field_violations)
        code, message, echo = StatusCode[error.code().name], error.details() or "", _echo(error.trailing_metadata())
        ruled = next((rule.meaning for rule in rules if rule.matches(code, reason, message)), None)
        return cls(code, message, reason, violations=violations, echo=echo, ruled=ruled)

    @property
    def is_completed(self) -> bool:
        """Whether the command took effect, or the query was answered."""
        return self.code is StatusCode.OK

    @property
    def is_refused(self) -> bool:
        """Whether the command definitely had no effect."""
        return (self.ruled or MEANINGS.get(self.code)) is Meaning.REJECTED

    @property
    def is_unknown(self) -> bool:
        """Whether the command may have had an effect, so that an orchestrator would send it again."""
        return not (self.is_completed or self.is_refused)

    def same_as(self, other: Answer) -> bool:
        """Whether the replies, or the refusals, say the same."""
        return (self.code, self.reason, self._reply_bytes) == (other.code, other.reason, other._reply_bytes)

    @property
    def _reply_bytes(self) -> bytes:
        return self.reply.SerializeToString(deterministic=True) if self.reply is not None else b""

    def __str__(self) -> str:
        if self.reply is None:
            return f"{self.code}{f' ({self.reason})' if self.reason else ''}: {self.message}"[:_LONGEST]
        return f"OK {{{text_format.MessageToString(redacted(self.reply), as_one_line=True)}}}"[:_LONGEST]


def _echo(trailing: Trailing) -> tuple[str, ...]:
    return tuple(value for name, value in trailing or () if name == KEY and isinstance(value, str))


def _details(error: AioRpcError) -> list[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest]:
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError has all methods that are used
    except ValueError:
        return []  # unreadable details are ignored
    found = []
    for packed in status.details if status else ():
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
            detail = kind()
            if packed.Unpack(detail):
                found.append(detail)
    return found
