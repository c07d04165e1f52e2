"""A row of what is kept of the cause of a saga, as the port tells it."""

from __future__ import annotations

from orchestrator.journal.cause import Cause
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import CAUSED, Status


def cause_of(status: int, code: str | None, command: str, message: str, since: int) -> Cause | None:
    """The cause of a saga with the status of this number; ``None`` where none counts, or none is kept."""
    if code is None or Status(status) not in CAUSED:
        return None
    return Cause(ReasonCode(code), command, message, since)
