"""Keys and ids that stay within what APIs and participants take, however deep scopes and children are nested.

A key names its whole path, so it grows with every scope and every child. Beyond a length its middle gives way to a hash
of the whole: the same path leads to the same key in every process, and beginning and end can still be read. What an
earlier version has journalled in full keeps its full name: ask the journal before you shorten a key.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from orchestrator.participant.metadata import LONGEST_KEY as LONGEST_IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contract.command import Command

LONGEST_KEY: Final = 500
"""Characters of a key within its saga, as the operators' API takes it."""
LONGEST_SAGA_ID: Final = 200
"""Characters of the id of a saga, as the operators' API takes it."""

_HEAD: Final = 40
"""Characters that are kept of the beginning: of a child's id, those of the saga from which all of them come."""
_DIGEST_BYTES: Final = 16


def bounded(key: str, longest: int) -> str:
    """The key itself, or one of at most so many characters that stands for it."""
    if len(key) <= longest:
        return key
    digest = blake2b(key.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    head = f"{key[:_HEAD]}~{digest}~"
    return head + key[len(head) - longest :]


def unscoped(key: str) -> str:
    """The name in a key, without its scopes and its number."""
    return key.rpartition("/")[2].partition("#")[0]


def idempotency_key(saga_id: str, key: str) -> str:
    """What a participant sees: the same for every attempt, after every restart and from every replica."""
    return f"{saga_id}/{key}"


def child_id(command: str) -> str:
    """The id of the saga that a command is, where it is a child, from the command's idempotency key."""
    return bounded(command, LONGEST_SAGA_ID)


_COMPENSATION = "compensation:"


def compensation_key(key: str) -> str:
    """The key of the compensation of the command with this key."""
    return _COMPENSATION + key


def longest_command_key(saga_id: str) -> int:
    """Characters of the key of a command of this saga.

    So many that participants take the idempotency keys of the command and of its compensation, which is the longer one:
    a command that is taken can be taken back.
    """
    return min(LONGEST_KEY, LONGEST_IDEMPOTENCY_KEY - len(idempotency_key(saga_id, compensation_key(""))))


Relation: TypeAlias = Literal["compensates", "verifies"]
"""What is sent about another command: its compensation, or the query that verifies it."""

_FOREIGN: Final = "-foreign"


def relation(word: Relation, key: str, method: str, target: Command) -> tuple[str, str]:
    """The metadata that names the command which is compensated or verified.

    Another service than the command's has never seen this key. A guard there would take the command for one that never
    came: it would compensate nothing, and deny the effect. So there the key has another name.

    Args:
        word: what the target does.
        key: the idempotency key of the command.
        method: the full name of what was sent under that key.
        target: its compensation, or its verify.
    """
    return word if method.startswith(f"{target.service}.") else word + _FOREIGN, key


def related(word: Relation, metadata: Mapping[str, str]) -> str:
    """The idempotency key of the command that is compensated or verified, in whichever service; else empty."""
    return metadata.get(word) or metadata.get(word + _FOREIGN, "")
