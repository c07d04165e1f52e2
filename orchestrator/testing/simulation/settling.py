"""Which sagas of a world have not come to rest, and what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import ENDED, UNFINISHED, Status
from orchestrator.journal.waiting import open_waits
from orchestrator.testing.world.clock import EPOCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.testing.simulation.observed_saga import ObservedSaga


def unsettled(sagas: Mapping[str, ObservedSaga]) -> list[str]:
    """The sagas that go on: neither ended, nor suspended, nor waiting for a child that is, or for its room."""
    resting = set(_in(sagas, {*ENDED, Status.SUSPENDED}))
    suspended = _in(sagas, {Status.SUSPENDED})
    if suspended:  # its parent has room, for which those wait that are queued, or parked and due
        resting.update(_in(sagas, {Status.WAITING}))
    for saga_id in suspended:
        while saga_id := sagas[saga_id].state.parent_id:
            resting.add(saga_id)
    return [saga_id for saga_id in sagas if saga_id not in resting]


def latest_timer(sagas: Mapping[str, ObservedSaga]) -> float:
    """When the last timer of all is due, in seconds of the world."""
    states = [known.state for known in sagas.values() if known.state.status in UNFINISHED]
    times = [wait.due_at for state in states for wait in open_waits(state)]
    return (max(times, default=0) - EPOCH) / 1e9


def awaiting_signals(sagas: Mapping[str, ObservedSaga]) -> list[str]:
    """The sagas that go on when somebody tells them something."""
    going = [(saga_id, known.state) for saga_id, known in sagas.items()]
    return [
        saga_id
        for saga_id, state in going
        if state.status in UNFINISHED and not state.rollback and any(wait.signal for wait in open_waits(state))
    ]


def _in(sagas: Mapping[str, ObservedSaga], statuses: set[Status]) -> list[str]:
    return [saga_id for saga_id, known in sagas.items() if known.state.status in statuses]
