r"""The sagas that this replica advances, each by an executor of its own.

Purpose: what is launched here is watched, counted, and let go once it stops. Invariant: a saga has one executor that
counts, that of its latest claim; an older one that stops changes nothing of what the later one has.

::

    launch() ──▶ live ──stopped──▶ it rests: ended, suspended or parked; it is read from the journal from now on
                           ├─────▶ the journal refused: the claim is lost, and the saga is another replica's now
                           ├─────▶ the journal was unavailable: the recovery of the saga is deferred until it is back
                           └─────▶ the journal can never hold what it is to: recovered, too, and then suspended
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.engine.replica.advancing.frozen_sagas import FrozenSagas
from orchestrator.engine.replica.advancing.unwritable_sagas import UnwritableSagas
from orchestrator.engine.run.executor import Executor
from orchestrator.engine.run.journal_time import JournalTime
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.stop_control import Fail, Halt, Stop
from orchestrator.errors import ClaimLost, EntriesUnwritable, SagaExists
from orchestrator.journal.logged import about_saga
from orchestrator.ports.claims import Claim

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.definitions import ServedSagas
    from orchestrator.engine.replica.capacity.room import Room
    from orchestrator.engine.replica.watching.watchers import Watchers
    from orchestrator.engine.run.replay.gate import ReplayGate
    from orchestrator.journal.reason import Reason
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.adapters import Adapters
    from orchestrator.ports.journal import NewSaga

_log = logging.getLogger(__name__)


class LiveSagas(dict[str, Executor]):
    """What advances sagas here, by their ids.

    Args:
        served: the definitions that can be run.
        bindings: the commands of their participants.
        adapters: the adapters.
        owner: the replica's name.
        room: for how many there is room.
        watchers: wake who watches them.

    Attributes:
        time: the time by the journal's clock.
        frozen: the sagas that are suspended because their code hung a process.
        digests: of the starts of those that were started here: another content under the same id is refused.
        claims_lost: how many claims were lost to other replicas so far.
        tells_life: what happens to each saga is told as an event: that it started, ended, is suspended.
        on_told: called after events were written into the outbox; ``None`` where nobody waits for them here.
        on_room: called when there is room for another saga.
        on_rest: called with a saga that has ended, is suspended or parked.
        on_deferred: called with the claim of a saga that stopped because the journal was unavailable.
    """

    def __init__(
        self, served: ServedSagas, bindings: Bindings, adapters: Adapters, *, owner: str, room: Room, watchers: Watchers
    ) -> None:
        super().__init__()
        self._served = served
        self._bindings = bindings
        self._adapters = adapters
        self._owner = owner
        self._room = room
        self._watchers = watchers
        self.time = JournalTime(adapters.clock)
        self.frozen = FrozenSagas()
        self._unwritable = UnwritableSagas()
        self.digests: dict[str, bytes] = {}
        self.claims_lost = 0
        self.tells_life = False
        self.on_told: Callable[[], None] | None = None
        self.on_room: Callable[[], None] = lambda: None
        self.on_rest: Callable[[SagaState], None] = lambda _: None
        self.on_deferred: Callable[[Claim], None] = lambda _: None

    def writer(self, state: SagaState, *, token: int, sequence: int, new: NewSaga | None = None) -> SagaWriter:
        """The journal writer of a saga that this replica has claimed."""
        adapters = self._adapters
        return SagaWriter(
            state,
            adapters.journal,
            adapters.observer,
            owner=self._owner,
            token=token,
            sequence=sequence,
            new=new,
            tells_life=self.tells_life,
            on_told=self.on_told,
        )

    def launch(self, writer: SagaWriter, gate: ReplayGate | None = None, rollback: Reason | None = None) -> Executor:
        """Advance a saga from now on.

        Args:
            writer: writes its journal.
            gate: gives the code of a recovered saga what its journal holds.
            rollback: a reason to go backward.
        """
        state = writer.state
        served = self._served.find(state.definition, state.version)
        where = self.frozen.take(state.saga_id)
        if served is not None and where:
            served = replace(served, frozen=where)
        adapters = self._adapters
        executor = Executor(served, writer, self._bindings, adapters.clock, adapters.random_source, self.time, gate)
        if state.saga_id not in self:
            self._room.enter(state.definition)
        self[state.saga_id] = executor
        self._watchers.attach(writer)
        executor.stopped.add_done_callback(lambda stopped: self._stopped(executor, writer, stopped))
        if where:
            executor.stopped.add_done_callback(lambda stopped: self.frozen.forget(state.saga_id, stopped))
        executor.launch(rollback, self._unwritable.take(state.saga_id, writer.token))
        return executor

    def _stopped(self, executor: Executor, writer: SagaWriter, stopped: asyncio.Future[Stop | None]) -> None:
        saga_id = executor.state.saga_id
        if self.get(saga_id) is executor:
            del self[saga_id]
            self._room.leave(executor.state.definition)
            self.on_room()
            self.digests.pop(saga_id, None)
        rests = not stopped.exception() and stopped.result() is None
        if rests:
            self._unwritable.forget(saga_id)
            self.on_rest(executor.state)
        self._watchers.detach(writer, rests=rests)
        about = about_saga(executor.state)
        if error := stopped.exception():
            _log.critical("saga %s: the engine itself failed", saga_id, exc_info=error, extra=about)
            return
        match stopped.result():
            case Halt() | Fail(ClaimLost() | SagaExists()) as stop:
                self.claims_lost += isinstance(stop, Fail) and isinstance(stop.error, ClaimLost)
                _log.info("saga %s is advanced here no more", saga_id, extra=about)
            case Fail(EntriesUnwritable() as error):
                _log.critical("saga %s cannot go on: %s", saga_id, error, extra=about)
                # A start that cannot be written has left nothing that could be suspended.
                if writer.started.exception() is None and self._unwritable.note(saga_id, writer.token, error):
                    self.on_deferred(Claim(saga_id, writer.token))
            case Fail(error):
                told = "saga %s is advanced here no more, until the journal can be read again: %s"
                _log.info(told, saga_id, error, extra=about)
                self.on_deferred(Claim(saga_id, writer.token))
