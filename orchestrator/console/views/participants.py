"""How the participants fare: their health as this replica sees it, and how quickly they answered lately."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import StepOutcome
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.engine.sagas import ParticipantHealth, Sagas
    from orchestrator.journal.state import SagaState

_LOOKED_AT: Final = 20


class ParticipantView(NamedTuple):
    """One participant.

    Attributes:
        health: as this replica sees it.
        median: how long its commands took lately, from the intent to the outcome, retries included, in nanoseconds.
        slowest: the longest of these.
        number: how many commands these are of; 0 where none was sent lately.
    """

    health: ParticipantHealth
    median: int
    slowest: int
    number: int

    @property
    def name(self) -> str:
        """Without its package."""
        return self.health.service.rpartition(".")[2]


async def participants_of(sagas: Sagas) -> list[ParticipantView]:
    """Every participant, those that are down first; what took how long is read in the journals of the latest sagas."""
    records, _ = await sagas.search(SagaFilter(), _LOOKED_AT, "")
    took = _took(await asyncio.gather(*(sagas.get(record.saga_id) for record in records)))
    views = []
    for health in sagas.participants():
        spans = took.get(health.service, ())
        views.append(ParticipantView(health, int(median(spans)) if spans else 0, max(spans, default=0), len(spans)))
    return sorted(views, key=lambda each: (not each.health.down_since, each.name))


def _took(states: Iterable[SagaState]) -> Mapping[str, list[int]]:
    """How long commands took that were answered, by the full name of the service."""
    spans: dict[str, list[int]] = defaultdict(list)
    for state in states:
        for command in state.commands.values():
            answered = command.outcome in (StepOutcome.COMPLETED, StepOutcome.REJECTED)
            if answered and command.ended_at is not None:
                spans[command.method.rpartition(".")[0]].append(max(command.ended_at - command.intended_at, 0))
    return spans
