r"""One replica: starts, recovers, watches and cancels sagas.

Purpose: puts together what starts sagas, what takes them over and what advances them, and opens and closes it.
Invariant: recovery comes in through the same door as new work; whatever is lost with this process is taken over from
the journal, by the next process or by another replica once this one's lease has lapsed.

::

    NewSagas ──start──────────────────────────▶ LiveSagas ──▶ SagaStates: how each stands, and when it has ended
        └──no room──▶ Queueing ──its turn──┐        ▲ │
    Recovery, its Timers ──claimed, due────┴▶ ClaimedSagas └── the journal was unavailable ──▶ Recovery
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from orchestrator.engine.replica.advancing.claimed_sagas import ClaimedSagas
from orchestrator.engine.replica.advancing.live_sagas import LiveSagas
from orchestrator.engine.replica.advancing.new_sagas import NewSagas
from orchestrator.engine.replica.advancing.saga_states import SagaStates
from orchestrator.engine.replica.capacity.queueing import Queueing
from orchestrator.engine.replica.capacity.room import Room
from orchestrator.engine.replica.claiming.recovery import Recovery
from orchestrator.engine.replica.watching.elsewhere import Elsewhere
from orchestrator.engine.replica.watching.waking import Waking
from orchestrator.engine.replica.watching.watchers import Watchers
from orchestrator.errors import Recovering
from orchestrator.journal.state import CLAIMABLE, SagaState, Status
from orchestrator.ports.wakes import Wake

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.definitions import ServedSagas
    from orchestrator.engine.replica.capacity.limits import Limits
    from orchestrator.ports.adapters import Adapters


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
        recovery: claims what nobody advances; how far this replica has come with what it has to recover.
        queueing: what is begun later, because there is no room now.
        on_parked: called with a saga that was parked here.
        start, write_tombstone: see :class:`NewSagas`.
        recover, woken: see :class:`ClaimedSagas`.
        get, wait, until_stopped, is_elsewhere: see :class:`SagaStates`.
        watch, watch_all: a saga, or every saga, after each of its changes, on whichever replica; see the facade.
    """

    def __init__(
        self, served: ServedSagas, bindings: Bindings, adapters: Adapters, *, owner: str, lease: float, limits: Limits
    ) -> None:
        self.served = served
        self.bindings = bindings
        self.adapters = adapters
        self.owner = owner
        self.on_parked: Callable[[SagaState], None] = lambda _: None
        self._watchers = Watchers()
        self._room = Room(limits)
        self.live = LiveSagas(served, bindings, adapters, owner=owner, room=self._room, watchers=self._watchers)
        self._elsewhere = Elsewhere(adapters.journal, adapters.clock, owner, self.live, self._watchers.notify)
        self._claimed = ClaimedSagas(self.live, bindings, adapters, owner)
        self.recovery = self._recovery(lease, limits)
        self.queueing = self._queueing(limits)
        self.waking = Waking(adapters.journal)
        self.beside: list[RunBeside] = [self.waking] if adapters.journal.shared else []
        self.beside.append(self.queueing)
        states = SagaStates(self.live, adapters.journal, adapters.clock, self._watchers, self._elsewhere)
        new = NewSagas(self.live, states, self.queueing, self._watchers, served, adapters)
        self._connect()
        # Their own, and not called from here: nothing is to be added.
        self.start = new.start
        self.write_tombstone = new.write_tombstone
        self.recover = self._claimed.recover
        self.woken = self._claimed.woken
        self.get = states.get
        self.wait = states.wait
        self.until_stopped = states.until_stopped
        self.is_elsewhere = states.is_elsewhere
        self.watch = states.watched.watch
        self.watch_all = states.watched.watch_all

    async def open(self) -> int:
        """Recover every saga that no replica advances, then keep doing so; how many there were."""
        recovered = await self.recovery.open()
        self._open_beside()
        return recovered

    async def begin(self) -> None:
        """Take new sagas from now on, and recover in the background what no replica advances."""
        await self.recovery.begin()
        self._open_beside()

    @property
    def has_room(self) -> bool:
        """It advances fewer sagas than it may."""
        return len(self.live) < self.recovery.timers.most_live

    async def ensure_recovered(self, saga_id: str) -> None:
        """Check that a saga is not one that this replica has yet to recover, where no other one can have it.

        Raises:
            Recovering: it is; nothing can be done to it until then.
        """
        recovery = self.recovery
        if self.adapters.journal.shared:
            return
        if recovery.under_way and saga_id not in self.live and (await self.get(saga_id)).status in CLAIMABLE:
            raise Recovering(
                f"saga {saga_id} is not recovered yet; {recovery.recovered} of {recovery.expected} unfinished sagas "
                "are; ask again soon"
            )

    async def close(self, grace: float) -> None:
        """Stop every saga where it stands, for up to ``grace`` seconds of answers in flight; let the claims go."""
        self.recovery.close()
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

    def _open_beside(self) -> None:
        for each in self.beside:
            each.open()

    def _recovery(self, lease: float, limits: Limits) -> Recovery:
        recovery = Recovery(
            self.adapters.journal,
            self.adapters.clock,
            owner=self.owner,
            lease=lease,
            served=self.served.versions,
            live=self.live,
            claimed=self._claimed.make_ready,
            recover=self._claimed.recover_unasked,
            rests=self._claimed.tell_rest,
        )
        recovery.noted_time = self.live.time.note
        recovery.timers.most_live = limits.live
        return recovery

    def _queueing(self, limits: Limits) -> Queueing:
        return Queueing(
            self.adapters.journal,
            self.adapters.clock,
            owner=self.owner,
            served=self.served.versions,
            limits=limits,
            room=self._room,
            recovery=self.recovery,
            on_many=self.bindings.return_gradually,
        )

    def _connect(self) -> None:
        """Who tells whom."""
        self.waking.on(Wake.SAGA, self._elsewhere.hurry)
        self.waking.on(Wake.CLAIMABLE, lambda _: self.recovery.hurry())
        self._claimed.on_admitted = self.queueing.note_begun
        self.live.on_room = self._note_room
        self.live.on_rest = self._note_rest
        self.live.on_deferred = self.recovery.defer_recovery

    def _note_room(self) -> None:
        self.recovery.timers.note_room()
        self.queueing.hurry()

    def _note_rest(self, state: SagaState) -> None:
        self._elsewhere.note_rest(state.saga_id)
        if state.status is Status.WAITING:
            self.recovery.timers.hurry()
            self.on_parked(state)
