"""About one schedule."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class ScheduleError(OrchestratorError):
    """About one schedule.

    Attributes:
        name: of the schedule.
    """

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class ScheduleNotFound(ScheduleError):
    """There is no such schedule.

    Args:
        name: that was asked for.
        deleted: by whom and when the last one of this name was deleted, in words; empty where nobody has.
    """

    def __init__(self, name: str, deleted: str = "") -> None:
        told = f"; {deleted}" if deleted else ""
        super().__init__(name, f"there is no schedule {name!r}{told}")


class ScheduleExists(ScheduleError):
    """There is a schedule of this name, or the request id was used before, with another content.

    Attributes:
        reason: which of these, in UPPER_SNAKE_CASE.
    """

    def __init__(self, name: str, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(name, message)


class ScheduleRefused(ScheduleError):
    """The schedule is not in a state in which this can be done to it.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``SCHEDULE_DELETED``.
    """

    def __init__(self, name: str, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(name, message)
