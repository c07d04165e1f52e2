"""Sagas that this replica has claimed: each goes on where its journal ends.

Invariant: a saga that goes on comes in by one door, :meth:`ClaimedSagas.recover`, be it after a crash, for a timer, in
its turn, or for an act; why, its journal says first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.engine.run.replay.gate import ReplayGate
from orchestrator.journal.entries import SagaAdmitted, SagaRecovered, SagaWoken, WaitEnded
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from orchestrator.journal.waiting import due_waits, matches
from orchestrator.journal.waits import WaitEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.replica.advancing.live_sagas import LiveSagas
    from orchestrator.engine.run.executor import Executor
    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.adapters import Adapters
    from orchestrator.ports.claims import Claim

_MANY: Final = 32
"""So many sagas that go on at once could overrun a participant."""


class ClaimedSagas:
    """Has the claimed sagas of one replica go on.

    Args:
        live: those that are advanced here.
        bindings: the commands of their participants.
        adapters: the adapters.
        owner: the replica's name.

    Attributes:
        on_admitted: called with the definition of a saga that was queued and is begun.
    """

    def __init__(self, live: LiveSagas, bindings: Bindings, adapters: Adapters, owner: str) -> None:
        self._live = live
        self._bindings = bindings
        self._adapters = adapters
        self._owner = owner
        self.on_admitted: Callable[[str], None] = lambda _: None

    async def make_ready(self, number: int) -> None:
        """So many sagas were claimed: they go on at once, and may have kept their process busy until it was ended."""
        if number >= _MANY:
            self._bindings.return_gradually()
        await self._live.frozen.read()

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
        if (other := self._live.get(claim.saga_id)) is not None:
            if other.token >= claim.token:
                return other  # while the journal was read, it was recovered already, or by a later claim
            other.give_way()
        self._adapters.observer.recovered(claim.saga_id, entries, told=told)
        writer = self._live.writer(state, token=claim.token, sequence=len(entries))
        for each in going_on:
            writer.record(each)
        if rollback is None and not state.rollback:
            self._end_waits(writer)
        # What was just recorded is part of what the code is given.
        return self._live.launch(writer, ReplayGate(state), rollback)

    def recover_unasked(self, claim: Claim, entries: Sequence[Entry], state: SagaState) -> Executor:
        """Recover a saga that nobody advanced, that is due, or whose turn has come: which of them, its state says."""
        now = self._adapters.clock.now()
        if state.status is not Status.WAITING:
            return self.recover(claim, entries, state, going_on=[SagaRecovered(now, self._owner)], told=False)
        if state.queued is None:
            return self.recover(claim, entries, state, going_on=[self.woken("timer")])
        if claim.due or 0 < state.forward_until <= self._live.time.now():
            reason = Reason(ReasonCode.DEADLINE, "the saga's deadline passed while it was queued")
            return self.recover(claim, entries, state, going_on=[self.woken("timer")], rollback=reason)
        self.on_admitted(state.definition)
        return self.recover(claim, entries, state, going_on=[SagaAdmitted(now, self._owner)])

    def tell_rest(self, saga_id: str, entries: Sequence[Entry]) -> None:
        """Tell the observer what this replica has written last, where the answer was lost: nobody else will."""
        owners = [entry.owner for entry in entries if isinstance(entry, (SagaRecovered, SagaWoken, SagaAdmitted))]
        if not owners or owners[-1] == self._owner:
            self._adapters.observer.recovered(saga_id, entries)

    def woken(self, why: str) -> SagaWoken:
        """What is journalled first where a parked saga goes on: for a timer, a signal or an act."""
        return SagaWoken(self._adapters.clock.now(), self._owner, why)

    def _end_waits(self, writer: SagaWriter) -> None:
        """Record the ends of the waits whose time has come, in the order of their times.

        Where a signal came in time, it goes first, and the code itself takes what follows.
        """
        state, now = writer.state, self._adapters.clock.now()
        if any(matches(state)):
            return
        for wait in due_waits(state, self._live.time.now()):
            writer.record(WaitEnded(now, wait.key, WaitEnd.DUE))
