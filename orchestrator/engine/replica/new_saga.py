"""What the journal of a new saga begins with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.journal.entries import SagaStarted
from orchestrator.ports.journal import NewSaga

if TYPE_CHECKING:
    from orchestrator.engine.run.journal_time import JournalTime
    from orchestrator.engine.sagas import Served, StartSaga
    from orchestrator.ports.adapters import Adapters


def started_now(
    start: StartSaga, served: Served | None, adapters: Adapters, time: JournalTime
) -> tuple[NewSaga, SagaStarted]:
    """What the journal keeps of a saga that is started now, and its first entry.

    Args:
        start: what is started.
        served: its definition, where it is served.
        adapters: tell the time, and whether its trace is exported.
        time: by the journal's clock, which decides about the deadline.
    """
    now = adapters.clock.now()
    deadline_at, forward_until = _deadline(served, time.now())
    started = SagaStarted(
        now,
        start.definition,
        start.version,
        start.input,
        start.traceparent,
        adapters.observer.samples(start.saga_id, start.traceparent),
        start.attributes,
        deadline_at,
        forward_until,
        start.parent_id,
        start.started_by,
    )
    return NewSaga(start.definition, start.version, start.digest, now, start.attributes), started


def _deadline(served: Served | None, now: int) -> tuple[int, int]:
    """By when a saga should have ended, and until when it goes forward; 0 for never."""
    if served is None or served.definition.deadline is None:
        return 0, 0
    deadline = now + _nanoseconds(served.definition.deadline)
    return deadline, deadline - _nanoseconds(served.definition.reserve)


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
