r"""One replica: starts, recovers, watches and cancels sagas.

Purpose: keeps one :class:`Executor` for every saga that this replica has claimed. Invariant: recovery comes in
through the same door as new work; whatever is lost with this process is taken over from the journal, by the next
process or by another replica once this one's lease has lapsed.

::

    start() ──────────────────▶ live ──stopped──▶ (ended, suspended or parked: read from the journal from now on)
    claim_unfinished() ─recover─▶ ▲ │
    claim_due() ──────────wake──▶ │ └── the journal refused: claim lost (another replica's now), or
                                  └──── unavailable: deferred, and recovered once the journal is back
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from orchestrator.engine.replica.capacity.queueing import Queueing
from orchestrator.engine.replica.capacity.room import Room
from orchestrator.engine.replica.claiming.recovery import Recovery
from orchestrator.engine.replica.new_saga import started_now
from orchestrator.engine.replica.watching.elsewhere import Elsewhere
from orchestrator.engine.replica.watching.waking import Waking
from orchestrator.engine.replica.watching.watched import WatchedSagas
from orchestrator.engine.replica.watching.watchers import Watchers
from orchestrator.engine.run.executor import Executor
from orchestrator.engine.run.journal_time import JournalTime
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.replay.gate import ReplayGate
from orchestrator.engine.run.stop_control import Fail, Halt, Stop
from orchestrator.errors import ClaimLost, Overloaded, Recovering, SagaDeleted, SagaExists, SagaNotFound
from orchestrator.journal.entries import (
    RollbackBegan,
    SagaAdmitted,
    SagaCompensated,
    SagaQueued,
    SagaRecovered,
    SagaWoken,
    WaitEnded,
)
from orchestrator.journal.fold import fold
from orchestrator.journal.logged import about_saga
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CLAIMABLE, SagaState, Status
from orchestrator.journal.waiting import due_waits, matches
from orchestrator.journal.waits import WaitEnd
from orchestrator.ports.claims import Claim
from orchestrator.ports.wakes import Wake

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.definitions import ServedSagas
    from orchestrator.engine.replica.capacity.limits import Limits
    from orchestrator.engine.sagas import StartSaga
    from orchestrator.journal.entries import Entry
    from orchestrator.ports.adapters import Adapters
    from orchestrator.ports.journal import NewSaga

_log = logging.getLogger(__name__)

_MANY: Final = 32
"""So many sagas that go on at once could overrun a participant."""


class FrozenNote(Protocol):
    """Which sagas kept the loop of their process to themselves. Each method is called in a thread."""

    def read(self) -> dict[str, str]:
        """Where each saga's code hung, by the saga's id."""

    def clear(self, saga_ids: Collection[str]) -> None:
        """These are suspended."""


class RunBeside(Protocol):
    """What a replica does besides advancing its sagas, as long as it is open."""

    def open(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""


class Worker:
    """Advances the sagas that this replica has claimed.

    Args:
        served: the definitions that it can run.
        bindings: the commands of their participants.
        adapters: the adapters.
        owner: this replica's name, of its own for each process.
        limits: how much it does at once.
        lease: seconds after which others may take over when this replica falls silent.

    Attributes:
        live: the executors of the sagas that are being advanced here, by id.
        beside: what else is done as long as the replica is open.
        waking: has it look at once where others have done something.
        watch: a saga, then after each of its changes, on whichever replica; see the facade, as for the following.
        watch_all: every saga, after each of its changes on whichever replica.
        note: tells where the code of sagas hung when their process was ended; ``None`` where nobody notes it.
        frozen: what it told, by id: these are suspended instead.
        time: the time by the journal's clock.
        queueing: what is begun later, because there is no room now.
        on_parked: called with a saga that was parked here.
        claims_lost: how many claims it has lost to other replicas so far.
        tells_life: what happens to each saga is told as an event: that it started, ended, is suspended.
        on_told: called after events were written into the outbox; ``None`` where nobody waits for them here.
    """

    def __init__(
        self, served: ServedSagas, bindings: Bindings, adapters: Adapters, *, owner: str, lease: float, limits: Limits
    ) -> None:
        self.served = served
        self.bindings = bindings
        self.adapters = adapters
        self.owner = owner
        self.live: dict[str, Executor] = {}
        self.time = JournalTime(adapters.clock)
        self.note: FrozenNote | None = None
        self.frozen: dict[str, str] = {}
        self.claims_lost = 0
        self.tells_life = False
        self.on_told: Callable[[], None] | None = None
        self._clearing: asyncio.Future[None] | None = None
        self.waking = Waking(adapters.journal)
        self.beside: list[RunBeside] = [self.waking] if adapters.journal.shared else []
        self._digests: dict[str, bytes] = {}
        self._watchers = Watchers()
        self._elsewhere = Elsewhere(adapters.journal, adapters.clock, owner, self.live, self._watchers.notify)
        self._watched = WatchedSagas(self.get, adapters.clock, self._watchers, self._elsewhere)
        # Their own, and not called from here: nothing is to be added.
        self.watch = self._watched.watch
        self.watch_all = self._watched.watch_all
        self._recovery = Recovery(
            adapters.journal,
            adapters.clock,
            owner=owner,
            lease=lease,
            served=served.versions,
            live=self.live,
            claimed=self._make_ready,
            recover=self._recover,
            rests=self._tell_rest,
        )
        self.waking.on(Wake.SAGA, self._elsewhere.hurry)
        self.waking.on(Wake.CLAIMABLE, lambda _: self._recovery.hurry())
        self._recovery.noted_time = self.time.note
        self._recovery.timers.most_live = limits.live
        self._room = Room(limits)
        self.queueing = Queueing(
            adapters.journal,
            adapters.clock,
            owner=owner,
            served=served.versions,
            limits=limits,
            room=self._room,
            recovery=self._recovery,
            on_many=bindings.return_gradually,
        )
        self.beside.append(self.queueing)
        self.on_parked: Callable[[SagaState], None] = lambda _: None

    async def open(self) -> int:
        """Recover every saga that no replica advances, then keep doing so; how many there were."""
        recovered = await self._recovery.open()
        self._open_beside()
        return recovered

    async def begin(self) -> None:
        """Take new sagas from now on, and recover in the background what no replica advances."""
        await self._recovery.begin()
        self._open_beside()

    @property
    def recovery(self) -> Recovery:
        """How far this replica has come with what it has to recover."""
        return self._recovery

    @property
    def has_room(self) -> bool:
        """It advances fewer sagas than it may."""
        return len(self.live) < self._recovery.timers.most_live

    async def ensure_recovered(self, saga_id: str) -> None:
        """Check that a saga is not one that this replica has yet to recover, where no other one can have it.

        Raises:
            Recovering: it is; nothing can be done to it until then.
        """
        recovery = self._recovery
        if self.adapters.journal.shared:
            return
        if recovery.under_way and saga_id not in self.live and (await self.get(saga_id)).status in CLAIMABLE:
            raise Recovering(
                f"saga {saga_id} is not recovered yet; {recovery.recovered} of {recovery.expected} unfinished sagas "
                "are; ask again soon"
            )

    async def is_elsewhere(self, saga_id: str) -> bool:
        """Whether a saga is, or will be, advanced by another replica.

        Raises:
            SagaNotFound: there is none of this id.
        """
        if saga_id in self.live or not self.adapters.journal.shared:
            return False
        return (await self.get(saga_id)).status in CLAIMABLE

    async def close(self, grace: float) -> None:
        """Stop every saga where it stands, for up to ``grace`` seconds of answers in flight; let the claims go."""
        self._recovery.close()
        for each in self.beside:
            each.close()
        for breaker in self.bindings.breakers.values():
            breaker.shut()
        live = list(self.live.values())
        for executor in live:
            executor.halt()
        if live:
            await asyncio.wait([executor.stopped for executor in live], timeout=grace)
        await self.adapters.journal.release(self.owner)

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
        executor = self.live.get(start.saga_id)
        if executor is None:
            # A child is never queued: its parent waits for it, and holds its room.
            if not start.parent_id and self.queueing.must_wait(start.definition):
                stopped()
                return await self._queue(start, wait)
            executor = self._launch_new(start)
            executor.stopped.add_done_callback(lambda _: stopped())
        else:
            stopped()
        if self._digests.get(start.saga_id) != start.digest:
            return await self._started_before(start, wait)
        try:
            left = await self._wait_stopped(executor, wait) if wait > 0 else 0.0
            state = await executor.settled_state()
        except SagaDeleted:
            raise
        except SagaExists:
            return await self._started_before(start, wait)
        return await self._until_rest(state or await self.get(start.saga_id), left)

    async def get(self, saga_id: str) -> SagaState:
        """A saga as it stands.

        Raises:
            SagaNotFound: there is none of this id.
        """
        executor = self.live.get(saga_id)
        if executor is not None:
            # A repeated start looks like a new one until the journal says that the saga exists.
            with contextlib.suppress(SagaExists):
                state = await executor.settled_state()
                if state is not None:
                    return state
        entries = await self.adapters.journal.read(saga_id)
        if not entries:
            raise SagaNotFound(saga_id)
        return fold(saga_id, entries)

    async def wait(self, saga_id: str, seconds: float) -> SagaState:
        """A saga once it has ended or is suspended, or as it stands after so many seconds."""
        executor = self.live.get(saga_id)
        if executor is None:
            return await self._watched.wait(saga_id, seconds)
        left = await self._wait_stopped(executor, seconds)
        return await self._until_rest(await self.get(saga_id), left)

    async def until_stopped(self, saga_id: str, seconds: float) -> None:
        """Wait until a saga is advanced here no more, for up to so many seconds."""
        executor = self.live.get(saga_id)
        if executor is not None:
            await self._wait_stopped(executor, seconds)

    async def _until_rest(self, state: SagaState, left: float) -> SagaState:
        """A saga that is advanced here no more; where it was parked, it has not ended, and its end is waited for."""
        return await self._watched.wait(state.saga_id, left) if state.status is Status.WAITING and left > 0 else state

    async def write_tombstone(self, start: StartSaga) -> None:
        """Write a saga down as compensated that never ran, so that a late start finds it.

        Raises:
            SagaExists: it has been started.
        """
        now, writer = self.adapters.clock.now(), self._new_writer(start)
        writer.record(RollbackBegan(now, Reason(ReasonCode.CANCELLED, "compensated before it was started")))
        writer.record(SagaCompensated(now))
        await writer.persist()

    def _open_beside(self) -> None:
        for each in self.beside:
            each.open()

    def _launch_new(self, start: StartSaga) -> Executor:
        writer = self._new_writer(start)
        self._digests[start.saga_id] = start.digest
        return self._launch(writer)

    def _new_writer(self, start: StartSaga) -> SagaWriter:
        """Writes the journal of a new saga, whose start it has recorded."""
        served = self.served.find(start.definition, start.version)
        new, started = started_now(start, served, self.adapters, self.time)
        writer = self.writer(SagaState(start.saga_id), token=1, sequence=0, new=new)
        writer.record(started)
        return writer

    async def _queue(self, start: StartSaga, wait: float) -> SagaState:
        """Write a saga down that is to be begun in its turn; the saga as for :meth:`start`."""
        try:
            await self.queueing.reserve(start.definition)
        except Overloaded:
            if await self.adapters.journal.find(start.saga_id) is None:
                raise
            return await self._started_before(start, wait)
        writer = self._new_writer(start)
        now = writer.state.started_at
        writer.record(SagaQueued(now, start.priority, start.priority.turn_at(now)))
        try:
            await writer.persist()
        except SagaExists as error:
            self.queueing.give_back(start.definition)
            if isinstance(error, SagaDeleted):
                raise
            return await self._started_before(start, wait)
        self.queueing.hurry()
        self._watchers.notify(start.saga_id, writer.state)
        return await self.wait(start.saga_id, wait) if wait > 0 else writer.state

    async def _started_before(self, start: StartSaga, wait: float) -> SagaState:
        """The request id was used before, by this or another process."""
        record = await self.adapters.journal.find(start.saga_id)
        if record is None or record.digest != start.digest:
            raise _another_content(start.saga_id)
        return await (self.wait(start.saga_id, wait) if wait > 0 else self.get(start.saga_id))

    async def _wait_stopped(self, executor: Executor, seconds: float) -> float:
        """Wait until an executor does no more, for up to so many seconds; those that are left."""
        asked_at = self.adapters.clock.elapsed()
        either: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake(_: object = None) -> None:
            if not either.done():
                either.set_result(None)

        # Callbacks, because asyncio.wait costs several times as much, and this is once for every saga.
        executor.stopped.add_done_callback(wake)
        call = self.adapters.clock.call_after(seconds, wake)
        try:
            await either
        finally:
            executor.stopped.remove_done_callback(wake)
            call.cancel()
        return seconds - (self.adapters.clock.elapsed() - asked_at) / 1e9

    def recover(
        self,
        claim: Claim,
        entries: Sequence[Entry],
        state: SagaState,
        *,
        going_on: Sequence[Entry] = (),
        rollback: Reason | None = None,
        told: bool = True,
    ) -> Executor:
        """Recover a claimed saga: go on where its journal ends. What runs under an older claim stops.

        Args:
            claim: this replica's.
            entries: the whole journal.
            state: to which the entries lead.
            going_on: why the saga goes on; journalled before anything else.
            rollback: a reason to go backward.
            told: the saga rested, so the process that wrote the entries had the time to tell the observer.
        """
        if (other := self.live.get(claim.saga_id)) is not None:
            if other.token >= claim.token:
                return other  # while the journal was read, it was recovered already, or by a later claim
            other.give_way()
        self.adapters.observer.recovered(claim.saga_id, entries, told=told)
        writer = self.writer(state, token=claim.token, sequence=len(entries))
        for each in going_on:
            writer.record(each)
        if rollback is None and not state.rollback:
            self._end_waits(writer)
        # What was just recorded is part of what the code is given.
        return self._launch(writer, ReplayGate(state), rollback)

    def _end_waits(self, writer: SagaWriter) -> None:
        """Record the ends of the waits whose time has come, in the order of their times.

        Where a signal came in time, it goes first, and the code itself takes what follows.
        """
        state, now = writer.state, self.adapters.clock.now()
        if any(matches(state)):
            return
        for wait in due_waits(state, self.time.now()):
            writer.record(WaitEnded(now, wait.key, WaitEnd.DUE))

    async def _make_ready(self, number: int) -> None:
        """So many sagas were claimed: they go on at once, and may have kept their process busy until it was ended."""
        if number >= _MANY:
            self.bindings.return_gradually()
        if self.note is not None:
            self.frozen = await asyncio.to_thread(self.note.read)

    def _forget_frozen(self, saga_id: str, stopped: asyncio.Future[Stop | None]) -> None:
        """The saga is durably suspended, unless the journal failed."""
        if self.note is not None and stopped.exception() is None and stopped.result() is None:
            self._clearing = asyncio.ensure_future(asyncio.to_thread(self.note.clear, [saga_id]))

    def _recover(self, claim: Claim, entries: Sequence[Entry], state: SagaState) -> Executor:
        now = self.adapters.clock.now()
        if state.status is not Status.WAITING:
            return self.recover(claim, entries, state, going_on=[SagaRecovered(now, self.owner)], told=False)
        if state.queued is None:
            return self.recover(claim, entries, state, going_on=[self.woken("timer")])
        if claim.due or 0 < state.forward_until <= self.time.now():
            reason = Reason(ReasonCode.DEADLINE, "the saga's deadline passed while it was queued")
            return self.recover(claim, entries, state, going_on=[self.woken("timer")], rollback=reason)
        self.queueing.note_begun(state.definition)
        return self.recover(claim, entries, state, going_on=[SagaAdmitted(now, self.owner)])

    def _tell_rest(self, saga_id: str, entries: Sequence[Entry]) -> None:
        """Tell the observer what this replica has written last, where the answer was lost: nobody else will."""
        owners = [entry.owner for entry in entries if isinstance(entry, (SagaRecovered, SagaWoken, SagaAdmitted))]
        if not owners or owners[-1] == self.owner:
            self.adapters.observer.recovered(saga_id, entries)

    def woken(self, why: str) -> SagaWoken:
        """What is journalled first where a parked saga goes on: for a timer, a signal or an act."""
        return SagaWoken(self.adapters.clock.now(), self.owner, why)

    def writer(self, state: SagaState, *, token: int, sequence: int, new: NewSaga | None = None) -> SagaWriter:
        """The journal writer of a saga that this replica has claimed."""
        adapters = self.adapters
        return SagaWriter(
            state,
            adapters.journal,
            adapters.observer,
            owner=self.owner,
            token=token,
            sequence=sequence,
            new=new,
            tells_life=self.tells_life,
            on_told=self.on_told,
        )

    def _launch(self, writer: SagaWriter, gate: ReplayGate | None = None, rollback: Reason | None = None) -> Executor:
        state = writer.state
        served = self.served.find(state.definition, state.version)
        where = self.frozen.pop(state.saga_id, "")
        if served is not None and where:
            served = replace(served, frozen=where)
        executor = Executor(
            served, writer, self.bindings, self.adapters.clock, self.adapters.random_source, self.time, gate
        )
        if state.saga_id not in self.live:
            self._room.enter(state.definition)
        self.live[state.saga_id] = executor
        self._watchers.attach(writer)
        executor.stopped.add_done_callback(lambda stopped: self._stopped(executor, writer, stopped))
        if where:
            executor.stopped.add_done_callback(lambda stopped: self._forget_frozen(state.saga_id, stopped))
        executor.launch(rollback)
        return executor

    def _stopped(self, executor: Executor, writer: SagaWriter, stopped: asyncio.Future[Stop | None]) -> None:
        saga_id = executor.state.saga_id
        if self.live.get(saga_id) is executor:
            del self.live[saga_id]
            self._room.leave(executor.state.definition)
            self._recovery.timers.note_room()
            self.queueing.hurry()
            self._digests.pop(saga_id, None)
        rests = not stopped.exception() and stopped.result() is None
        if rests:
            self._elsewhere.note_rest(saga_id)
            if executor.state.status is Status.WAITING:
                self._recovery.timers.hurry()
                self.on_parked(executor.state)
        self._watchers.detach(writer, rests=rests)
        about = about_saga(executor.state)
        if error := stopped.exception():
            _log.critical("saga %s: the engine itself failed", saga_id, exc_info=error, extra=about)
            return
        match stopped.result():
            case Halt() | Fail(ClaimLost() | SagaExists()) as stop:
                self.claims_lost += isinstance(stop, Fail) and isinstance(stop.error, ClaimLost)
                _log.info("saga %s is advanced here no more", saga_id, extra=about)
            case Fail(error):
                told = "saga %s is advanced here no more, until the journal can be read again: %s"
                _log.info(told, saga_id, error, extra=about)
                self._recovery.defer_recovery(Claim(saga_id, writer.token))


def _another_content(saga_id: str) -> SagaExists:
    return SagaExists(saga_id, f"saga {saga_id} was started by the same request id with another content")
