"""How much there is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Load(NamedTuple):
    """How much there is to do of one definition.

    Attributes:
        live: how many of its sagas this process advances.
        most_live: how many it may advance; a start beyond is queued. 0 where only the limit of all sagas counts.
        queued: how many are queued, whichever process took them.
        most_queued: how many may be queued; a start beyond is refused.
        oldest_queued_at: when the oldest of those was started, nanoseconds since the epoch, UTC; 0 where none is.
    """

    definition: str
    live: int
    most_live: int
    queued: int
    most_queued: int
    oldest_queued_at: int


class Loads(NamedTuple):
    """How much there is to do, by definition, and how much of it in all.

    Attributes:
        most_live: sagas that this process may advance.
        most_queued: sagas that may be queued, at all processes.
    """

    definitions: Sequence[Load]
    most_live: int
    most_queued: int
