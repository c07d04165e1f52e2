"""What a start that is decided starts, and what is noted of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.starting import start_request
from orchestrator.ports.schedules import PastStart, StartOutcome

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Served, StartSaga
    from orchestrator.ports.schedules import Firing, Schedule


def start_of(schedule: Schedule, firing: Firing, served: Served) -> StartSaga | str:
    """What to start; or why nothing can be.

    Args:
        schedule: which decided it.
        firing: what is decided.
        served: the definition of its saga, by the code at hand.
    """
    takes = served.definition.input.DESCRIPTOR.full_name
    if takes != schedule.input_type:
        return f"its input is a {schedule.input_type}, and {served.definition} takes a {takes}: create it anew"
    start = start_request(served, served.definition.input.FromString(schedule.input), firing.request_id, "")
    return start._replace(started_by=firing.by)


def past_of(firing: Firing, start: StartSaga | str, now: int) -> PastStart:
    """What became of it: a start that is durable, or the reason why there never is one."""
    if isinstance(start, str):
        return PastStart(firing.instant, StartOutcome.REFUSED, now, message=start)
    message = f"by hand, by {firing.by.name}" if firing.by else ""
    return PastStart(firing.instant, StartOutcome.STARTED, now, start.saga_id, message)
