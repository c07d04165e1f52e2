"""Rows of the outbox, as both databases have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.journal.events import OutboxEvent
from orchestrator.ports.outbox import KeptEvent

if TYPE_CHECKING:
    from collections.abc import Sequence


def kept_event(row: Sequence[Any]) -> KeptEvent:
    """An event from its position and its columns, in the order of its attributes."""
    position, event_id, saga_id, definition, kind, at, provisional, traceparent, payload = row
    event = OutboxEvent(event_id, saga_id, definition, kind, at, bool(provisional), traceparent, bytes(payload))
    return KeptEvent(position, event)
