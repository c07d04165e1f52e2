r"""Where a bulk act stands, and what comes next. Pure: from what is kept to what is kept next.

Purpose: what a person starts is what a dry run has shown. Invariant: the number of its sagas is final once they are
frozen, every count of their answers adds up to it, and only the sagas that the dry run allowed are acted on.

::

    FREEZING ──all are written down──▶ CHECKING ──all have answered──▶ PREPARED ──started──▶ RUNNING ──all done──▶ ENDED
        │                                 │                               │                     │ stopped
        │                                 └───────────stopped─────────────┤                     ▼
        └─ its caller is gone: it expires                                 │                  STOPPING
                                                                          ▼                     │ what was under way
                                                                       STOPPED ◀────────────────┘ is settled
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.errors import BulkActRefused
from orchestrator.ports.bulk_acts import TO_DO, Answer, BulkAct, BulkStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.engine.bulk.facade import NewBulkAct
    from orchestrator.journal.actor import Actor

_HOUR: Final = 3600 * 1_000_000_000
FREEZING_NANOSECONDS: Final = _HOUR
"""Its caller writes the sagas down; one that is gone by then will not come back."""
PREPARED_NANOSECONDS: Final = 24 * _HOUR
"""For so long a prepared one waits for somebody to start it; its dry run is old by then."""
OVER_NANOSECONDS: Final = 30 * 24 * _HOUR
"""For so long it is kept what came of it."""

OVER: Final = frozenset({BulkStatus.STOPPED, BulkStatus.ENDED})


def new_bulk_act(bulk_id: str, new: NewBulkAct, now: int) -> BulkAct:
    """One whose sagas are to be written down."""
    return BulkAct(
        bulk_id=bulk_id,
        revision=1,
        status=BulkStatus.FREEZING,
        act=new.act,
        decision=new.decision,
        asked_for=new.asked_for,
        reach=new.reach,
        prepared_at=now,
        prepared_by=new.prepared_by,
        expires_at=now + FREEZING_NANOSECONDS,
    )


def frozen(act: BulkAct, number: int, now: int) -> BulkAct:
    """So many sagas are written down, and no more come."""
    counts = {Answer.UNCHECKED: number} if number else {}
    return replace(act, status=BulkStatus.CHECKING, counts=counts, expires_at=now + PREPARED_NANOSECONDS)


def started(act: BulkAct, why: str, by: Actor, now: int) -> BulkAct:
    """Somebody has started it.

    Raises:
        BulkActRefused: it is not prepared.
    """
    if act.status in {BulkStatus.FREEZING, BulkStatus.CHECKING}:
        message = f"bulk act {act.bulk_id} is not prepared yet; start it once its dry run has ended"
        raise BulkActRefused(act.bulk_id, "NOT_PREPARED", message)
    if act.status in {BulkStatus.STOPPING, BulkStatus.STOPPED}:
        raise BulkActRefused(act.bulk_id, "STOPPED", f"bulk act {act.bulk_id} was stopped; prepare another one")
    if act.status is not BulkStatus.PREPARED:
        return act
    running = replace(act, status=BulkStatus.RUNNING, started_at=now, started_by=by, why=why)
    return replace(running, owner="", not_before=0, expires_at=None)


def stopped(act: BulkAct, by: Actor, now: int) -> BulkAct:
    """Somebody has stopped it. What was under way is left to the replica that carries it on.

    Raises:
        BulkActRefused: it has ended.
    """
    if act.status is BulkStatus.ENDED:
        raise BulkActRefused(act.bulk_id, "ENDED", f"bulk act {act.bulk_id} has ended")
    if act.status in {BulkStatus.STOPPING, BulkStatus.STOPPED}:
        return act
    if act.status is BulkStatus.RUNNING:
        return replace(act, status=BulkStatus.STOPPING, stopped_by=by)
    return _over(replace(act, stopped_by=by), BulkStatus.STOPPED, now)


def answered(act: BulkAct, changes: Iterable[tuple[Answer, Answer]]) -> BulkAct:
    """Sagas have answered: from which answer each came, and to which."""
    counts = Counter(act.counts)
    for before, after in changes:
        counts[before] -= 1
        counts[after] += 1
    return replace(act, counts={answer: counts[answer] for answer in Answer if counts[answer]})


def come_through(act: BulkAct, now: int) -> BulkAct:
    """All that was to be done where it stands is done."""
    if act.status is BulkStatus.CHECKING:
        to_do = sum(act.counts.get(answer, 0) for answer in TO_DO)
        return replace(act, status=BulkStatus.PREPARED, to_do=to_do, expires_at=now + PREPARED_NANOSECONDS)
    return _over(act, BulkStatus.STOPPED if act.status is BulkStatus.STOPPING else BulkStatus.ENDED, now)


def _over(act: BulkAct, status: BulkStatus, now: int) -> BulkAct:
    return replace(act, status=status, ended_at=now, expires_at=now + OVER_NANOSECONDS)
