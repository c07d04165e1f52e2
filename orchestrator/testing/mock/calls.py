"""One call of a participant, as its guard sees it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from orchestrator.journal.keys import related

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Completed, Rejected

Metadata: TypeAlias = tuple[tuple[str, str], ...]

KEY: Final = "idempotency-key"
"""The metadata that brings a command's key and, in the trailing metadata of the guard's own answers, its echo."""


class Call(NamedTuple):
    """A command, compensation or query that has arrived; a key that its metadata do not name is empty.

    Attributes:
        key: its idempotency key.
        compensates: on a compensation, the key of the command that it undoes.
        verifies: on a query, the key of the command asked about.
    """

    command: Command
    request: Message
    key: str
    compensates: str
    verifies: str

    @classmethod
    def of(cls, command: Command, request: Message, metadata: Metadata) -> Call:
        """The call, with the parts of its metadata that concern a guard."""
        known = dict(metadata)
        return cls(command, request, known.get(KEY, ""), related("compensates", known), related("verifies", known))

    def digest(self) -> str:
        """A digest that differs for every other rpc or request."""
        request = self.request.SerializeToString(deterministic=True)
        return sha256(self.command.name.encode() + b"\0" + request).hexdigest()


class Record(NamedTuple):
    """What the guard remembers of an idempotency key.

    Attributes:
        call: the call with this key; ``None`` where only its compensation arrived.
        answer: the answer to that call; ``None`` where only its compensation arrived.
        compensated: the compensation has arrived.
    """

    call: Call | None
    answer: Completed | Rejected | None
    compensated: bool = False
