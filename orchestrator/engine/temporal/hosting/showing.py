r"""Shows how a saga stands to those who do not ask its workflow.

Purpose: nobody needs a worker, nor a query, to see a saga. Invariant: once a task of the workflow has ended, all that
is known of the saga is in the history, and lists can find it.

::

    what is new ──goes with an activity, or with the answer to an act──▶ is there
                ──at the end of a task, nothing has taken it along────▶ a note (memo) of the workflow, and so an event
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from temporalio import workflow

from orchestrator.engine.temporal import keys, names
from orchestrator.engine.temporal.wire import write, write_live

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Waiting
    from orchestrator.engine.temporal.hosting.hosted import HostedSaga
    from orchestrator.journal.state import SagaState


class Showing:
    """Shows one saga.

    Args:
        saga: the saga, of which lists show what it was started with.
    """

    def __init__(self, saga: HostedSaga) -> None:
        self._saga = saga
        self._shown = _shown(saga.state)
        self._waiting: list[Waiting] = []

    def show(self) -> None:
        """Let lists see what has changed."""
        shown = _shown(self._saga.state)
        if shown == self._shown:
            return
        self._shown = shown
        status, ended_at, cause = shown
        workflow.upsert_search_attributes(
            [
                keys.STATUS.value_set(str(status)),
                keys.REASON.value_set(cause.code) if cause else keys.REASON.value_unset(),
                keys.COMMAND.value_set(cause.command) if cause and cause.command else keys.COMMAND.value_unset(),
                keys.ENDED_AT.value_set(ended_at) if ended_at else keys.ENDED_AT.value_unset(),
            ]
        )
        if cause is not None:
            workflow.upsert_memo({names.CAUSE_MEMO: write(**cause._asdict())})

    async def write_down(self) -> None:
        """At the end of each task, put into the history what is new, and went there with nothing else. For ever."""
        saga = self._saga
        while True:
            await workflow.wait_condition(self._has_news)
            executor = saga.executor
            assert executor is not None
            self._waiting = executor.waiting
            delta = await saga.journal.flush(most=names.SMALL_BYTES)
            live = write_live(delta, self._waiting, backs_off=executor.backs_off)
            workflow.upsert_memo({names.LIVE_MEMO: live})

    def _has_news(self) -> bool:
        """Of a saga that is being advanced; at rest, the observer is told, and that puts it there."""
        saga, executor = self._saga, self._saga.executor
        if executor is None or saga.leaving:
            return False
        return not saga.journal.are_flushed or executor.waiting != self._waiting


def _shown(state: SagaState) -> tuple[Any, ...]:
    assert state.status is not None
    return state.status.name, state.ended_at, state.cause
