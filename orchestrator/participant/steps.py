"""A guarded call, what the rules of the guard ask for, and the answer that they come to. Values only."""

import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from orchestrator.participant.errors import PostponedError, RefusedError
from orchestrator.participant.metadata import CallMetadata, Kind
from orchestrator.participant.records import KeyTakenError, Outcome, Record


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a guarded method.

    Attributes:
        kind: what the method is to a saga.
        method: the name of the method.
        request: its request, as it was received; a saga sends it again byte for byte.
        metadata: what came with it.
    """

    kind: Kind
    method: str
    request: bytes
    metadata: CallMetadata

    def record(self, key: str, outcome: Outcome, answer: bytes | None = None) -> Record:
        """The record of this call under ``key``."""
        return Record(key, self.method, outcome, self.digest(), answer)

    def digest(self) -> bytes:
        """SHA-256 of the request."""
        return hashlib.sha256(self.request).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call is answered.

    Attributes:
        content: the serialized reply or rejection; empty for the reply of a compensation that had nothing to undo.
        rejected: whether it is a rejection.
        echo: whether it holds for every attempt of the call's idempotency key.
    """

    content: bytes
    rejected: bool = False
    echo: bool = True


@dataclass(frozen=True, slots=True)
class Find:
    """Find the records of these keys; ends with a dictionary of those that there are, by key."""

    key: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Run the handler, whose refusal is a ``RefusedError``; ends with its serialized reply."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Insert a record; fails with ``KeyTakenError`` where its key has one."""

    record: Record


@dataclass(frozen=True, slots=True)
class Settle:
    """Write the outcome of a command that is in doubt; fails with ``KeyTakenError`` where it is not in doubt."""

    record: Record


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete the record of a command that is in doubt."""

    key: str


Step: TypeAlias = Find | Run | Keep | Settle | Forget
Steps: TypeAlias = Generator[Step, Any, bytes | Record]


@dataclass(frozen=True, slots=True)
class Transaction:
    """Take these steps in one transaction: committed when they end, rolled back when one of them raises.

    Attributes:
        steps: begins them; a store that must run its transaction again calls it again.
        writes: whether the transaction may write.
        taken_back_by: the steps of a transaction that takes back what this one has written, where the call is cancelled
            while it is committed, so that nothing follows; ``None`` where it stands all the same.
    """

    steps: Callable[[], Steps]
    writes: bool = True
    taken_back_by: Callable[[], Steps] | None = None


Rules: TypeAlias = Generator[Transaction | Run, Any, Answer]

THROWN: Final = (KeyTakenError, PostponedError, RefusedError)
"""What the rules decide about."""
