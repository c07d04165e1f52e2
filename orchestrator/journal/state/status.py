r"""Where a saga stands, and the one table of legal moves.

::

    (start) ──▶ running ◀────▶ waiting ◀────▶ compensating ──┬──▶ compensated
                 │   └──────────────────────────▶┘           └──▶ partially compensated
                 ▼
             completed

    running, waiting, compensating ──▶ suspended ──▶ running, compensating, partially compensated
"""

from __future__ import annotations

import enum


class Status(enum.Enum):
    """Where a saga stands; the numbers of ``saga.v1.Status``, kept in the stores."""

    RUNNING = 1
    WAITING = 2
    COMPLETED = 3
    COMPENSATING = 4
    COMPENSATED = 5
    SUSPENDED = 6
    PARTIALLY_COMPENSATED = 7


BEFORE_START = None
LEGAL_MOVES: dict[Status | None, frozenset[Status]] = {
    BEFORE_START: frozenset({Status.RUNNING}),
    Status.RUNNING: frozenset({Status.WAITING, Status.COMPLETED, Status.COMPENSATING, Status.SUSPENDED}),
    Status.WAITING: frozenset({Status.RUNNING, Status.COMPENSATING, Status.SUSPENDED}),
    Status.COMPENSATING: frozenset(
        {Status.WAITING, Status.COMPENSATED, Status.SUSPENDED, Status.PARTIALLY_COMPENSATED}
    ),
    Status.SUSPENDED: frozenset({Status.RUNNING, Status.COMPENSATING, Status.PARTIALLY_COMPENSATED}),
    # Only a child, with its parent.
    Status.COMPLETED: frozenset({Status.COMPENSATING}),
    Status.COMPENSATED: frozenset(),
    Status.PARTIALLY_COMPENSATED: frozenset(),
}

UNFINISHED = frozenset({Status.RUNNING, Status.WAITING, Status.COMPENSATING})
"""The statuses of sagas that go on by themselves, now or later: they are counted, awaited and verified."""

CLAIMABLE = frozenset({Status.RUNNING, Status.COMPENSATING})
"""The statuses of sagas that some replica must advance now. A waiting saga has no owner until it is due."""

ENDED = frozenset({Status.COMPLETED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED})
"""The statuses that no entry changes any more."""

CAUSED = frozenset({Status.COMPENSATING, Status.COMPENSATED, Status.SUSPENDED, Status.PARTIALLY_COMPENSATED})
"""The statuses of sagas that something went wrong with: they have a cause."""
