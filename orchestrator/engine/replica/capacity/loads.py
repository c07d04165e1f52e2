"""How much there is to do of each definition, for those who look after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.sagas import Load, Loads

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.engine.replica.capacity.queueing import Queueing


async def loads_of(queueing: Queueing, served: Collection[str]) -> Loads:
    """How much there is to do of each definition that is served or queued.

    Raises:
        JournalUnavailable: the queue cannot be counted.
    """
    limits, live = queueing.limits, queueing.room.live
    counts = await queueing.count()
    return Loads(
        [
            Load(
                definition,
                live[definition],
                limits.live_by_definition.get(definition, 0),
                sum(each.number for each in counts if each.definition == definition),
                limits.queued_of(definition),
                min((each.oldest_started_at for each in counts if each.definition == definition), default=0),
            )
            for definition in sorted({*served, *(each.definition for each in counts)})
        ],
        limits.live,
        limits.queued,
    )
