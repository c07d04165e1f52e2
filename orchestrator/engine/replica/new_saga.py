"""What the journal of a new saga begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.starting import started_entry
from orchestrator.ports.journal import NewSaga

if TYPE_CHECKING:
    from orchestrator.engine.run.journal_time import JournalTime
    from orchestrator.engine.sagas import Served, StartSaga
    from orchestrator.journal.entries import SagaStarted
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
    sampled = adapters.observer.samples(start.saga_id, start.traceparent)
    started = started_entry(start, served, now, time.after(0), sampled=sampled)
    return NewSaga(start.definition, start.version, start.digest, now, start.attributes), started
