"""What the sagas of other replicas wait for, as far as it is noted: enough to list them, and no more.

A note is written beside the journal, and only of a wait that lasts: it costs a saga on its way nothing. The rest, as
when the next attempt comes, the owner of the saga alone knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class NotedWait(NamedTuple):
    """Why a saga has been waiting for a while: the numbers of ``saga.v1.WaitReason``, in order."""

    saga_id: str
    reasons: tuple[int, ...]


class NotedWaits(Protocol):
    """The notes of all replicas. Every method may raise JournalUnavailable."""

    async def note_waits(self, owner: str, begun: Sequence[NotedWait], ended: Sequence[str]) -> None:
        """Note what sagas of a replica wait for, each in place of its earlier note; and which wait no more."""

    async def noted_waits(self, but_of: str) -> Sequence[NotedWait]:
        """What those sagas wait for that other replicas than this one have claimed, and are alive to advance."""
