"""What a store in a database has found of the sagas that others change, as the port tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.journal import Moving

if TYPE_CHECKING:
    from collections.abc import Iterable


def moving_of(rows: Iterable[tuple[str, int, int]], position: int, looked_at: int) -> Moving:
    """Each row is a saga's id, the number of its entries and the number of its status."""
    unended: dict[str, int] = {}
    ended: dict[str, int] = {}
    parked: dict[str, int] = {}
    for saga_id, sequence, number in rows:
        status = Status(number)
        group = ended if status in ENDED else parked if status is Status.WAITING else unended
        group[saga_id] = sequence
    return Moving(unended, ended, parked, position, looked_at)
