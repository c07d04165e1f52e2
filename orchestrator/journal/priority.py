"""Which queued saga of a definition begins first: the older one, and a higher level counts as a head start.

So the order is decided once, when a saga is queued: a saga of the level *high* is begun as if it had been queued five
minutes before, one of the level *low* five minutes after. No saga is starved: those that come more than ten minutes
later are begun later, whatever their levels.
"""

from __future__ import annotations

import enum
from typing import Final

HEAD_START: Final = 300 * 1_000_000_000
"""What one level is worth, in nanoseconds."""


class Priority(enum.Enum):
    """How urgent a start is; the numbers are kept in the stores."""

    LOW = 1
    NORMAL = 2
    HIGH = 3

    def turn_at(self, queued_at: int) -> int:
        """After which others the turn comes of a saga that is queued now; nanoseconds since the epoch, UTC."""
        return queued_at + (Priority.NORMAL.value - self.value) * HEAD_START
