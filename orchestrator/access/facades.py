"""The facades of an engine: sagas, schedules, bulk acts, events, commands given up; and what of them a caller sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.access.narrowed import NarrowedSagas
from orchestrator.access.narrowed_bulk import NarrowedBulkActs
from orchestrator.access.narrowed_dead_commands import NarrowedDeadCommands
from orchestrator.access.narrowed_events import NarrowedEvents
from orchestrator.access.narrowed_schedules import NarrowedSchedules

if TYPE_CHECKING:
    from orchestrator.engine.bulk.facade import BulkActs
    from orchestrator.engine.sagas import Sagas
    from orchestrator.engine.schedules.facade import Schedules
    from orchestrator.ports.dead_commands import DeadCommands
    from orchestrator.ports.outbox import SinkActs


class Facades(NamedTuple):
    """All that API, console and applications may ask of an engine."""

    sagas: Sagas
    schedules: Schedules
    bulk: BulkActs
    events: SinkActs
    dead_commands: DeadCommands


def narrowed(engine: Facades) -> Facades:
    """The same, as the present caller may see it."""
    sagas = NarrowedSagas(engine.sagas)
    schedules, bulk = NarrowedSchedules(engine.schedules, sagas), NarrowedBulkActs(engine.bulk)
    events, dead_commands = NarrowedEvents(engine.events), NarrowedDeadCommands(engine.dead_commands)
    return Facades(sagas, schedules, bulk, events, dead_commands)
