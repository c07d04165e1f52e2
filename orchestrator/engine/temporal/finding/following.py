r"""Follows a saga through its history: of what has happened, the server tells each event once, when it comes.

Purpose: to watch a saga costs as much as has happened, however often it has changed. Invariant: what is told is what a
read of the latest run from its first event would tell, and after each change something is told.

::

    the latest run ──▶ its events so far ──▶ told ──new events──▶ told ──it has closed──▶ the run that has followed
                            ▲                  │
                            │                  ├── the question was cut off: asked again, from the same place
                            └──────────────────┴── the server does not know the place any more

A server may show a task of the workflow before it has written that down, and other events with the same numbers later.
Such a task tells nothing of a saga.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.finding.history import HistoryFold

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporalio.client import Client

    from orchestrator.engine.temporal.finding.history import ReadHistory
    from orchestrator.ports.clock import Clock

_BURST_SECONDS: Final = 0.05
_LONGEST_LOOK_SECONDS: Final = 0.5
_CUT_OFF: Final = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED})
"""So ends a question on its way: what was asked for is still there."""


class _Run:
    """One run of a saga's workflow, as far as it has been read.

    Args:
        client: of the cluster.
        saga_id: the saga.
        run_id: the run.

    Attributes:
        run_id: as given.
        folded: its events so far.
        closed: they are all, and no other will follow.
        tried_again: it was read from its first event once more, and has told nothing since.
    """

    def __init__(self, client: Client, saga_id: str, run_id: str) -> None:
        self._client = client
        self._saga_id = saga_id
        self._place: bytes | None = None
        self.run_id = run_id
        self.folded = HistoryFold(saga_id)
        self.closed = self.tried_again = False

    async def read_on(self) -> bool:
        """Read what comes next, or wait for it as long as the server lets us; whether we were let.

        Raises:
            SagaNotFound: there is no such run.
            JournalUnavailable: the server cannot be asked.
        """
        handle = self._client.get_workflow_handle(self._saga_id, run_id=self.run_id)
        pages = handle.fetch_history_events(next_page_token=self._place, wait_new_event=True)
        async with told_as_journal_errors(self._saga_id):
            try:
                await pages.fetch_next_page()
            except RPCError as error:
                if self._place is None or (self.tried_again and error.status not in _CUT_OFF):
                    raise
                if error.status not in _CUT_OFF:
                    self._begin_again()
                return False
        for event in pages.current_page or ():
            self.folded.add(event)
        self._place = pages.next_page_token
        self.closed = self._place is None
        return True

    def _begin_again(self) -> None:
        """The server does not know the place any more."""
        self._place = None
        self.folded = HistoryFold(self._saga_id)
        self.tried_again = True


async def follow(client: Client, saga_id: str, clock: Clock) -> AsyncGenerator[ReadHistory]:
    """What the history of a saga tells, and again whenever that has changed: a burst of events comes as one. For ever.

    Args:
        client: of the cluster.
        saga_id: the saga.
        clock: the time.

    Raises:
        SagaNotFound: there is none of this id.
        JournalUnavailable: the server cannot be asked.
    """
    told: object = None
    async with contextlib.aclosing(_looks(client, saga_id, clock)) as looks:
        async for found in looks:
            if (tells := found.mark) != told:
                told = tells
                yield found


async def _looks(client: Client, saga_id: str, clock: Clock) -> AsyncGenerator[ReadHistory]:
    """What the history tells, again and again."""
    run: _Run | None = None
    pause = _BURST_SECONDS
    while True:
        async with told_as_journal_errors(saga_id):
            latest = await client.get_workflow_handle(saga_id).describe()
        if run is None or run.run_id != latest.run_id:
            run = _Run(client, saga_id, str(latest.run_id))
        while not run.closed and await run.read_on():
            if run.folded.latest >= latest.history_length and not run.closed:
                run.tried_again, pause = False, _BURST_SECONDS
                yield run.folded.read
                await clock.sleep(_BURST_SECONDS)
        if run.closed:
            if latest.status is WorkflowExecutionStatus.RUNNING:
                continue  # it has closed since: another run may have followed
            yield run.folded.read
        await clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
