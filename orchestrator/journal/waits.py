"""What a saga's code waits for besides its commands: timers and signals. Part of the state that the entries lead to.

::

    (began) ──▶ open ──▶ due: the timer won
                    ├──▶ signal: a signal won
                    └──▶ left: the code waits for it no more, as at the end of a ``timeout`` block

Which wait a signal ends, :mod:`orchestrator.journal.waiting` says.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.journal.actor import Actor


class WaitEnd(enum.StrEnum):
    """How a wait ended; the text is kept in the stores and told by the API."""

    DUE = "DUE"
    """Its time has come."""
    SIGNAL = "SIGNAL"
    """A signal came in time."""
    LEFT = "LEFT"
    """The code waits for it no more."""


class WaitState:
    """How far a wait has come.

    Attributes:
        signal: the name of the signal that ends it; empty for a timer.
        message_type: the full name of the signal's message, or empty.
        due_at: when its time comes, nanoseconds since the epoch, UTC, by the clock of the store; 0 for never.
        how: how it ended; ``None`` while it is open.
        request_id: of the signal that ended it, or empty.
        signals_before: how many signals of any name had come when it began.
    """

    __slots__ = (
        "began_at",
        "due_at",
        "ended_at",
        "how",
        "key",
        "message_type",
        "request_id",
        "signal",
        "signals_before",
    )

    def __init__(
        self, key: str, signal: str, message_type: str, due_at: int, began_at: int, signals_before: int
    ) -> None:
        self.key = key
        self.signal = signal
        self.message_type = message_type
        self.due_at = due_at
        self.began_at = began_at
        self.signals_before = signals_before
        self.how: WaitEnd | None = None
        self.request_id = ""
        self.ended_at: int | None = None


class SignalState:
    """A signal as it was received.

    Attributes:
        payload: the serialized message.
        requested_by: who gave it.
        received_at: nanoseconds since the epoch, UTC, by the clock of the store.
        position: its place among the saga's signals, from 1.
        wait: the key of the wait that it ended; empty as long as it has ended none.
    """

    __slots__ = ("message_type", "name", "payload", "position", "received_at", "request_id", "requested_by", "wait")

    def __init__(
        self,
        request_id: str,
        name: str,
        message_type: str,
        payload: bytes,
        requested_by: Actor,
        received_at: int,
        position: int,
    ) -> None:
        self.request_id = request_id
        self.name = name
        self.message_type = message_type
        self.payload = payload
        self.requested_by = requested_by
        self.received_at = received_at
        self.position = position
        self.wait = ""
