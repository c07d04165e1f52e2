r"""Starts sagas: at once, or in their turn where there is no room.

Purpose: a request starts one saga, however often it comes, and at any replica. Invariant: what is answered as started
is durable. A request whose id was used before is answered with the saga that it began, and refused where its content is
another one.

::

    start() ──room──▶ launched ──────────────▶ durable ──▶ the saga after up to so many seconds
       │                  └─ the journal knows the id ──▶ same content? ──▶ that saga, or refused
       └──no room──▶ queued: durable, and nobody's ────▶ the same
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.starting import started_entry
from orchestrator.errors import Overloaded, SagaDeleted, SagaExists
from orchestrator.journal.entries import RollbackBegan, SagaCompensated, SagaQueued
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import SagaState
from orchestrator.ports.journal import NewSaga

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.definitions import ServedSagas
    from orchestrator.engine.replica.advancing.live_sagas import LiveSagas
    from orchestrator.engine.replica.advancing.saga_states import SagaStates
    from orchestrator.engine.replica.capacity.queueing import Queueing
    from orchestrator.engine.replica.watching.watchers import Watchers
    from orchestrator.engine.run.executor import Executor
    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.engine.sagas import StartSaga
    from orchestrator.ports.adapters import Adapters


class NewSagas:
    """Starts the sagas of one replica.

    Args:
        live: those that are advanced here.
        states: how sagas stand.
        queueing: what is begun later, because there is no room now.
        watchers: wake who watches them.
        served: the definitions.
        adapters: the adapters.
    """

    def __init__(
        self,
        live: LiveSagas,
        states: SagaStates,
        queueing: Queueing,
        watchers: Watchers,
        served: ServedSagas,
        adapters: Adapters,
    ) -> None:
        self._live = live
        self._states = states
        self._queueing = queueing
        self._watchers = watchers
        self._served = served
        self._adapters = adapters

    async def start(
        self, start: StartSaga, wait: float = 0.0, *, stopped: Callable[[], None] = lambda: None
    ) -> SagaState:
        """Start a saga, or find the one that this request started before; the saga after up to ``wait`` seconds.

        Args:
            start: what to start.
            wait: how long to wait for its end.
            stopped: called when the saga is advanced here no more, be it that it never was.

        Raises:
            SagaExists: a saga of this id was started with another content.
            SagaDeleted: it was started before, has ended, and was deleted.
            Overloaded: there is no room for it, and none in the queue; it is not started.
            JournalUnavailable: it is not started.
        """
        executor = self._live.get(start.saga_id)
        if executor is None:
            # A child is never queued: its parent waits for it, and holds its room.
            if not start.parent_id and self._queueing.must_wait(start.definition):
                stopped()
                return await self._queue(start, wait)
            executor = self._launch(start)
            executor.stopped.add_done_callback(lambda _: stopped())
        else:
            stopped()
        if self._live.digests.get(start.saga_id) != start.digest:
            return await self._started_before(start, wait)
        return await self._launched(start, executor, wait)

    async def write_tombstone(self, start: StartSaga) -> None:
        """Write a saga down as compensated that never ran, so that a late start finds it.

        Raises:
            SagaExists: it has been started.
        """
        now, writer = self._adapters.clock.now(), self._writer(start)
        writer.record(RollbackBegan(now, Reason(ReasonCode.CANCELLED, "compensated before it was started")))
        writer.record(SagaCompensated(now))
        await writer.persist()

    def _launch(self, start: StartSaga) -> Executor:
        writer = self._writer(start)
        self._live.digests[start.saga_id] = start.digest
        return self._live.launch(writer)

    def _writer(self, start: StartSaga) -> SagaWriter:
        """Writes the journal of a new saga, whose start it has recorded."""
        adapters = self._adapters
        served = self._served.find(start.definition, start.version)
        now = adapters.clock.now()
        sampled = adapters.observer.samples(start.saga_id, start.traceparent)
        # By the journal's clock, its deadline is decided.
        started = started_entry(start, served, now, self._live.time.after(0), sampled=sampled)
        new = NewSaga(start.definition, start.version, start.digest, now, start.attributes)
        writer = self._live.writer(SagaState(start.saga_id), token=1, sequence=0, new=new)
        writer.record(started)
        return writer

    async def _launched(self, start: StartSaga, executor: Executor, wait: float) -> SagaState:
        """A saga that is advanced here, once its start is durable, after up to ``wait`` seconds."""
        try:
            left = await self._states.wait_stopped(executor, wait) if wait > 0 else 0.0
            state = await executor.settled_state()
        except SagaDeleted:
            raise
        except SagaExists:
            return await self._started_before(start, wait)
        return await self._states.until_rest(state or await self._states.get(start.saga_id), left)

    async def _queue(self, start: StartSaga, wait: float) -> SagaState:
        """Write a saga down that is to be begun in its turn; the saga as for :meth:`start`."""
        try:
            await self._queueing.reserve(start.definition)
        except Overloaded:
            if await self._adapters.journal.find(start.saga_id) is None:
                raise
            return await self._started_before(start, wait)
        writer = self._writer(start)
        now = writer.state.started_at
        writer.record(SagaQueued(now, start.priority, start.priority.turn_at(now)))
        try:
            await writer.persist()
        except SagaExists as error:
            self._queueing.give_back(start.definition)
            if isinstance(error, SagaDeleted):
                raise
            return await self._started_before(start, wait)
        self._queueing.hurry()
        self._watchers.notify(start.saga_id, writer.state)
        return await self._states.wait(start.saga_id, wait) if wait > 0 else writer.state

    async def _started_before(self, start: StartSaga, wait: float) -> SagaState:
        """The request id was used before, by this or another process."""
        record = await self._adapters.journal.find(start.saga_id)
        if record is None or record.digest != start.digest:
            told = f"saga {start.saga_id} was started by the same request id with another content"
            raise SagaExists(start.saga_id, told)
        return await (self._states.wait(start.saga_id, wait) if wait > 0 else self._states.get(start.saga_id))
