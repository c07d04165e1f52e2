"""Which sagas wait for a person's yes or no."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Sagas

_LOOKED_AT: Final = 30
_DECISION: Final = Decision.DESCRIPTOR.full_name


class WaitingDecision(NamedTuple):
    """A saga that waits for a decision.

    Attributes:
        signal: the name of the decision.
        since: since when; so is until, when it is too late, 0 for never: nanoseconds since the epoch, UTC.
    """

    saga_id: str
    definition: str
    signal: str
    since: int
    until: int


async def decisions_waiting(sagas: Sagas) -> list[WaitingDecision]:
    """Those among the sagas that wait and were started last, the one that has waited for the longest first.

    Their journals tell what they wait for; so no more are looked at than can be read at once.
    """
    where = SagaFilter(statuses=frozenset({Status.WAITING}))
    records, _ = await sagas.search(where, _LOOKED_AT, "")
    states = await asyncio.gather(*(sagas.get(record.saga_id) for record in records))
    found = [
        WaitingDecision(state.saga_id, state.definition, waiting.signal, waiting.since, waiting.until)
        for state in states
        for waiting in sagas.waiting(state)
        if waiting.message_type == _DECISION
    ]
    return sorted(found, key=lambda each: each.since)
