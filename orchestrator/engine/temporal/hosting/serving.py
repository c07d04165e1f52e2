"""What a workflow finds at the worker that hosts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.definitions import ServedSagas


class Serving(Protocol):
    """What a worker serves."""

    @property
    def served(self) -> ServedSagas:
        """The definitions."""

    @property
    def bindings(self) -> Bindings:
        """The commands of their participants, each an activity."""

    @property
    def most_events(self) -> int:
        """A history with more of them goes on in a new run."""
