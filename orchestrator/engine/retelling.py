"""Tells the observer once more what an earlier process may not have passed on before it died.

A saga that goes on is observed again from its first entry by whoever recovers it. One that had just ended, or was
suspended, is recovered by nobody, and whatever an observer held back of it would be lost: its trace might have no
root. Since the projection of a journal is always the same, telling too much does no harm; too little would.

Purpose: no saga's trace is cut short by a crash. Invariant: it is done before this process advances any saga, so none
of those retold is observed otherwise meanwhile.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from orchestrator.engine.ports import SagaFilter
from orchestrator.engine.state import ENDED, Status
from orchestrator.errors import JournalError

if TYPE_CHECKING:
    from orchestrator.engine.ports import Journal, Observer

_log = logging.getLogger(__name__)

_MOST: Final = 500
_HELD_BACK_NANOSECONDS: Final = 30 * 1_000_000_000
"""Longer than an observer holds anything back: a batch's delay, and an export with its retries."""


async def retell(journal: Journal, observer: Observer) -> int:
    """Observe again what ended shortly before the journal's latest end, and what is suspended; how many sagas.

    As many as an observer may hold back, the newest. A journal that fails makes the traces poorer, no more.
    """
    retold = 0
    try:
        records, _ = await journal.search(SagaFilter(statuses=ENDED | {Status.SUSPENDED}), _MOST, "")
        latest = max((record.ended_at for record in records if record.ended_at is not None), default=0)
        for record in records:
            if record.ended_at is None or record.ended_at >= latest - _HELD_BACK_NANOSECONDS:
                observer.recovered(record.saga_id, await journal.read(record.saga_id))
                retold += 1
    except JournalError as error:
        _log.warning("the latest traces may be incomplete: %s", error)
    return retold
