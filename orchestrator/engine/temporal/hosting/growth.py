"""How long the history of a run has become, and what follows from that."""

from __future__ import annotations

from typing import Final

from temporalio import workflow

from orchestrator.engine.temporal import names

_FULL_RUNS: Final = 5


class Growth:
    """The growth of the run that is running.

    Args:
        most_events: a history with more of them goes on in a new run.

    Attributes:
        stays: it cannot, because Temporal does not carry its journal into a new run.
        was_full: it was said that the server will end it soon.
    """

    def __init__(self, most_events: int) -> None:
        self._most_events = most_events
        self.stays = self.was_full = False

    @property
    def is_long(self) -> bool:
        """The saga should go on in a new run, which can be given its journal."""
        return not self.stays and (workflow.info().is_continue_as_new_suggested() or self._has_grown(1))

    @property
    def is_full(self) -> bool:
        """The server will end the workflow soon; that is said once, and a rollback has room."""
        return self.stays and not self.was_full and self._has_grown(_FULL_RUNS)

    def _has_grown(self, runs: int) -> bool:
        info = workflow.info()
        return (
            info.get_current_history_length() > runs * self._most_events
            or info.get_current_history_size() > runs * names.RUN_BYTES
        )
