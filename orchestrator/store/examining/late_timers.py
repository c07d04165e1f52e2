"""What an examination says of timers: the same for every store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.ports.findings import fine, warning

if TYPE_CHECKING:
    from orchestrator.ports.findings import Finding

LATE_SECONDS: Final = 5
"""A replica that keeps up wakes a saga within a second of its time."""


def timers(late: int, seconds: float) -> Finding:
    """How many parked sagas are late by more than :data:`LATE_SECONDS`, and by how many seconds the first of them."""
    if not late:
        return fine("timers", f"no parked saga is due for more than {LATE_SECONDS} s")
    what = f"parked sagas that are due and were not woken: {late}, the first of them for {seconds:,.0f} s"
    return warning(
        "timers", what, "see that an orchestrator runs and serves their versions; one that has much to do catches up"
    )
