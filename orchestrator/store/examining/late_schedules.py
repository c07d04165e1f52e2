"""What an examination says of schedules: whether what is due is started. The same for every store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.wording import counted
from orchestrator.ports.findings import fine, warning
from orchestrator.ports.schedules import StartOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.findings import Finding
    from orchestrator.ports.schedules import Schedule

LATE_SECONDS: Final = 10
"""A live replica is not later than this with what is due."""

_NANOSECONDS: Final = 1_000_000_000
_SHOWN: Final = 3
_SERVE: Final = "start an orchestrator that serves these sagas; if one runs, see its log and orchestrator stats"


def examined_schedules(schedules: Sequence[Schedule], now: int) -> list[Finding]:
    """Whether schedules start what is due, and whether they can."""
    waiting = [(now - since, each) for each in schedules if (since := _due_since(each)) is not None]
    late = sorted((each for each in waiting if each[0] > LATE_SECONDS * _NANOSECONDS), key=lambda each: -each[0])
    refused = [each for each in schedules if each.recent and each.recent[-1].outcome is StartOutcome.REFUSED]
    findings = []
    if late:
        names = _names([each for _, each in late])
        what = f"{len(late)} of {counted(len(schedules), 'schedule')} due and not started, the first for "
        findings.append(warning("schedules", f"{what}{late[0][0] / _NANOSECONDS:,.0f} s: {names}", _SERVE))
    if refused:
        what = f"{_names(refused)} can start nothing: {refused[0].recent[-1].message}"
        findings.append(warning("schedules", what, "delete it, and create it anew with an input that its saga takes"))
    paused = sum(each.pause is not None for each in schedules)
    told = f"{counted(len(schedules), 'schedule')}, {paused} paused; nothing that is due waits"
    return findings or [fine("schedules", told)]


def _due_since(schedule: Schedule) -> int | None:
    """Since when, or from when on, a replica has something to do; ``None`` for never."""
    if schedule.firing:
        return max(schedule.not_before, min(each.instant for each in schedule.firing))
    return schedule.due_at


def _names(schedules: Sequence[Schedule]) -> str:
    shown = ", ".join(each.name for each in schedules[:_SHOWN])
    return shown if len(schedules) <= _SHOWN else f"{shown} and {len(schedules) - _SHOWN} more"
