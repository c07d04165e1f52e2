"""A row of the figures, as the port tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.journal.state import Status
from orchestrator.ports.figures import Counted

if TYPE_CHECKING:
    from collections.abc import Sequence


def counted_of(row: Sequence[Any]) -> Counted:
    """Each row is the fields of what was counted, with the number of the status."""
    at, definition, status, latency, code, command, number = row
    return Counted(at, definition, Status(status), latency, code, command, number)
