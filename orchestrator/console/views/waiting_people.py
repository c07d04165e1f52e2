"""Which sagas wait for somebody's answer: for a yes or no, or for another signal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Sagas

_PAGE: Final = 30
_PAGES: Final = 4
_DECISION: Final = Decision.DESCRIPTOR.full_name


class WaitingAnswer(NamedTuple):
    """A saga that waits for somebody's answer.

    Attributes:
        signal: the name of the signal with which it is given.
        decision: it is a yes or a no.
        since: since when; so is until, when it is too late, 0 for never: nanoseconds since the epoch, UTC.
    """

    saga_id: str
    definition: str
    signal: str
    decision: bool
    since: int
    until: int


async def answers_waiting(sagas: Sagas) -> list[WaitingAnswer]:
    """Those among the sagas that wait and were started first, the one that has waited for the longest first.

    Their journals tell what they wait for. So they are read a page at a time, until a page of them is found, or so many
    wait for something else that the rest would take too long.
    """
    where = SagaFilter(statuses=frozenset({Status.WAITING}))
    found: list[WaitingAnswer] = []
    token = ""
    for _ in range(_PAGES):
        records, token = await sagas.search(where, _PAGE, token, oldest_first=True)
        states = await asyncio.gather(*(sagas.get(record.saga_id) for record in records))
        found += [
            WaitingAnswer(
                state.saga_id,
                state.definition,
                waiting.signal,
                waiting.message_type == _DECISION,
                waiting.since,
                waiting.until,
            )
            for state in states
            for waiting in sagas.waiting(state)
            if waiting.signal
        ]
        if not token or len(found) >= _PAGE:
            break
    return sorted(found, key=lambda each: each.since)


async def decisions_waiting(sagas: Sagas) -> list[WaitingAnswer]:
    """The same, where a yes or a no is waited for."""
    return [each for each in await answers_waiting(sagas) if each.decision]
