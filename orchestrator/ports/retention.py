"""What of the sagas that have ended is deleted one day, and what is kept of them for ever.

Purpose: a journal does not grow without end. Invariant: what was deleted is never started again: ids of sagas follow
from request ids, and participants keep their answers under keys that begin with a saga's id, so no id is used twice.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.state import Status

_KEY_BYTES: Final = 16


class EndedSaga(NamedTuple):
    """A saga that has ended and is no child; when it did, in nanoseconds since the epoch, UTC."""

    saga_id: str
    definition: str
    status: Status
    ended_at: int


class EndedPage(NamedTuple):
    """Some sagas that have ended.

    Attributes:
        sagas: in the order of start; perhaps none, where those that the store has looked at have not ended.
        position: where the next page begins; ``None`` after the last one.
    """

    sagas: list[EndedSaga]
    position: int | None


class Tombstone(NamedTuple):
    """What is kept of a saga that was deleted. Instants are nanoseconds since the epoch, UTC.

    Attributes:
        key: see :func:`tombstone_key`.
        status: how it had ended.
        ended_at: and when.
        deleted_at: by the clock of the store.
    """

    key: bytes
    status: Status
    ended_at: int
    deleted_at: int


def tombstone_key(saga_id: str) -> bytes:
    """By what a deleted saga is known: the beginning of the SHA-256 of its id, for a few bytes are kept for ever."""
    return hashlib.sha256(saga_id.encode()).digest()[:_KEY_BYTES]


class EndedReader(Protocol):
    """What can be asked about ended and deleted sagas. Every method may raise JournalUnavailable."""

    async def ended(self, position: int, limit: int) -> EndedPage:
        """Sagas that have ended and are no children, in the order of start; 0 is the first position.

        A page looks at so many sagas and no more, whether they have ended or not.
        """

    async def family(self, saga_id: str) -> list[str]:
        """The ids of a saga, its children, their children and so on; empty where there is no such saga."""

    async def find_tombstone(self, saga_id: str) -> Tombstone | None:
        """What is kept of a saga that was deleted; ``None`` where none of this id was."""

    async def tombstones(self, after: bytes, limit: int) -> list[Tombstone]:
        """Of all that were deleted, those whose key comes after this one, in the order of their keys."""


class Retention(EndedReader, Protocol):
    """Deletes sagas that have ended. Every method may raise JournalUnavailable."""

    async def delete_ended(self, saga_ids: Sequence[str]) -> list[str]:
        """Delete sagas, each with its whole family, and keep a tombstone of each; which of these were deleted.

        A family that has not ended as a whole, or that somebody has claimed, is left as it is; what is deleted already
        is not deleted again. Nothing else waits for this: it is one short transaction.
        """

    async def shrink(self) -> None:
        """Give room back to the disk, where a store can without keeping others; else it uses the room again."""

    async def keep_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """Keep these, which another journal has; those that are here already stay as they are."""
