"""Watches the deadline of one saga.

Before the pivot a passing deadline rolls the saga back, in time for the reserve; after the pivot it is noted, and the
saga keeps going.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from orchestrator.engine.run.stop_control import RollBack
from orchestrator.journal.entries import DeadlinePassed
from orchestrator.journal.logged import about_saga
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import UNFINISHED

if TYPE_CHECKING:
    from orchestrator.engine.run.context import RunContext
    from orchestrator.engine.run.forward.code import Forward

_log = logging.getLogger(__name__)


async def watch_deadline(context: RunContext, forward: Forward | None) -> None:
    """Wait for the deadline of a saga that goes forward, and do what it demands.

    Args:
        context: of its run.
        forward: runs its code, where that is at hand.
    """
    state = context.writer.state
    await context.time.sleep_until(state.forward_until)
    if forward is not None:
        await forward.issuer.pivot_settled()
    if state.rollback or state.status not in UNFINISHED:  # it goes forward no more
        return
    if not state.pivoted:
        context.stop_control.request_stop(RollBack(Reason(ReasonCode.DEADLINE, "the saga's deadline passed")))
    elif not state.overdue:
        await context.time.sleep_until(state.deadline_at)
        context.writer.record(DeadlinePassed(context.clock.now()))
        await context.stop_control.persist(context.writer)
        _log.warning("saga %s is overdue, and past its pivot: it keeps going", state.saga_id, extra=about_saga(state))
