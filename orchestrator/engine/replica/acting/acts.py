"""What operators do to sagas: cancel, pause, resume, retry now, resolve, skip. Every act is journalled.

A live saga is asked through its executor. One that rests (suspended, parked, or a completed child) is claimed first,
so that no two replicas change it at once. What a signal does, :mod:`orchestrator.engine.replica.acting.signals` says.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.engine.child_outcomes import handed_on, hears_by_hand
from orchestrator.engine.deciding import needs_second
from orchestrator.engine.replica.child_ids import child_of
from orchestrator.engine.run.stop_control import Fail, Halt
from orchestrator.engine.run.suspension import tell_suspended
from orchestrator.errors import ClaimLost, JournalError
from orchestrator.journal.acts import Act, refuse_illegal, was_carried_out
from orchestrator.journal.decisions import CommandDecision, decided
from orchestrator.journal.entries import ActProposed, SagaResumed, SagaSuspended
from orchestrator.journal.fold import fold
from orchestrator.journal.four_eyes import ONE_PERSON, second_person_needed, seconded
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CLAIMABLE, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.replica.worker import Worker
    from orchestrator.engine.run.executor import Executor
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import HeldEvent
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.claims import Claim


class Acts:
    """The operators' acts on the sagas of one worker, and on those that rest.

    Every method may raise :class:`~orchestrator.errors.SagaNotFound` and
    :class:`~orchestrator.errors.JournalError`: nothing has changed then.

    Args:
        worker: carries the sagas on.
        four_eyes: what two people must ask for.
    """

    def __init__(self, worker: Worker, four_eyes: FourEyes = ONE_PERSON) -> None:
        self._worker = worker
        self._four_eyes = four_eyes

    async def cancel(self, saga_id: str, why: str, requested_by: Actor, request_id: str = "") -> SagaState:
        """Roll a saga back; the saga, once that is durable. Repeating it changes nothing.

        Raises:
            CancelRefused: its pivot was accepted, or may have been, or it has completed.
        """
        reason = Reason.asked(ReasonCode.CANCELLED, why, requested_by, request_id=request_id)
        return await self._roll_back(saga_id, reason, _refuse_cancel)

    async def roll_back_child(self, saga_id: str, why: str) -> SagaState:
        """Roll a child back with its parent, even where it has completed; the child as it stands then."""
        return await self._roll_back(saga_id, Reason(ReasonCode.CANCELLED, why), lambda _: None)

    async def pause(self, saga_id: str, why: str, requested_by: Actor, request_id: str = "") -> SagaState:
        """Suspend a saga, forward or backward, once no attempt is in flight. Repeating it changes nothing.

        Raises:
            ActRefused: it has ended.
        """
        reason = Reason.asked(ReasonCode.PAUSED, why, requested_by, request_id=request_id)
        executor = self._worker.live.get(saga_id)
        if executor is not None:
            await executor.pause(reason)
            raise_failed(executor)
        state = await self._worker.get(saga_id)
        refuse_illegal(Act.PAUSE, state)
        if state.status in CLAIMABLE:
            raise _advanced_elsewhere(saga_id)
        if state.status is Status.WAITING:
            return await self._suspend_waiting(saga_id, reason)
        return state

    async def resume(self, saga_id: str, why: str, requested_by: Actor, request_id: str = "") -> SagaState:
        """Resume a suspended saga from where it stands.

        Raises:
            ActRefused: it is not suspended.
        """
        claim, state, entries = await self._claim(Act.RESUME, saga_id)
        if request_id and was_carried_out(entries, request_id):
            return state  # by another replica that found the request; the saga has stopped again since
        reason = Reason.asked(ReasonCode.RESUMED, why, requested_by, request_id=request_id)
        executor = self._worker.recover(claim, entries, state, going_on=[SagaResumed(self._now(), reason)])
        await executor.ensure_persisted()
        return executor.state

    async def retry_now(self, saga_id: str, why: str, requested_by: Actor, request_id: str = "") -> SagaState:
        """Make at once the attempts that a live saga would make after its backoff.

        Raises:
            ActRefused: nothing waits for its backoff to end.
        """
        executor = self._worker.live.get(saga_id)
        state = executor.state if executor else await self._worker.get(saga_id)
        refuse_illegal(Act.RETRY_NOW, state, backs_off=executor is not None and executor.backs_off)
        assert executor is not None
        executor.retry_now(Reason.asked(ReasonCode.RETRY_NOW, why, requested_by, request_id=request_id))
        await executor.ensure_persisted()
        return state

    async def resolve_outcome(
        self, saga_id: str, key: str, *, took_effect: bool, reply: bytes | None, evidence: str, requested_by: Actor
    ) -> SagaState:
        """Say what came of a command of a suspended saga; see the facade."""
        decision = CommandDecision(key, took_effect, reply)
        return await self.decide(Act.RESOLVE_OUTCOME, saga_id, decision, evidence, requested_by)

    async def skip_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """Let the effect of a command stand; see the facade."""
        return await self.decide(Act.SKIP_COMPENSATION, saga_id, CommandDecision(key), evidence, requested_by)

    async def resolve_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """Say that the effect of a command was taken back by other means; see the facade."""
        return await self.decide(Act.RESOLVE_COMPENSATION, saga_id, CommandDecision(key), evidence, requested_by)

    async def decide(
        self,
        act: Act,
        saga_id: str,
        decision: CommandDecision,
        evidence: str,
        requested_by: Actor,
        request_id: str = "",
    ) -> SagaState:
        """Journal a decision about one command of a suspended saga, which stays suspended.

        Args:
            act: which of :data:`~orchestrator.journal.decisions.DECISIONS`.
            saga_id: the saga.
            decision: what it says of which command.
            evidence: how that is known.
            requested_by: who says so.
            request_id: by which a repeated act is known, or empty.

        Raises:
            ActRefused: the saga is not in a state for it, or a second person must ask for the same.
        """
        held = self._worker.bindings.held_seconds
        said = partial(
            decided, act, decision, evidence=evidence, by=requested_by, request_id=request_id, held_seconds=held
        )
        said(await self._worker.get(saga_id), now=self._now())  # refused before anything is claimed, if it is to be
        claim, state, entries = await self._claim(act, saga_id)
        writer = self._worker.live.writer(state, token=claim.token, sequence=len(entries))
        entry = said(state, now=self._now())
        journalled = seconded(act, state, entry) if self._four_eyes.needs_two(act) else entry
        left = await self._left(state, entry.key) if hears_by_hand(state, journalled) else ()
        for each in (journalled, *handed_on(self._now(), entry.key, left)):
            writer.record(each)
        await writer.persist()
        if isinstance(journalled, ActProposed):
            raise second_person_needed(saga_id, entry.key, entry.reason.requested_by)
        return state

    async def needs_second(self, act: Act, saga_id: str, decision: CommandDecision, requested_by: Actor) -> bool:
        """Whether a decision would only be proposed now, because a second person must ask for the same: a dry run.

        Raises:
            ActRefused: it would be refused.
        """
        state = await self._worker.get(saga_id)
        return needs_second(act, decision, state, requested_by, self._four_eyes, self._worker.bindings, self._now())

    async def _roll_back(self, saga_id: str, reason: Reason, refuse: Callable[[SagaState], None]) -> SagaState:
        while True:
            executor = self._worker.live.get(saga_id)
            if executor is None:
                state = await self._worker.get(saga_id)
                refuse(state)
                if state.rollback:
                    return state
                claim, state, entries = await self.claim_resting(saga_id)
                refuse(state)  # it may have come further until it was claimed
                if state.rollback:
                    return state
                woken = [self._worker.woken("act")] if state.status is Status.WAITING else []
                executor = self._worker.recover(claim, entries, state, going_on=woken, rollback=reason)
            if await executor.cancel(reason, refuse):
                return executor.state
            # It was stopped for another reason: there may be something to roll back, or nothing more to do.
            raise_failed(executor)

    async def _left(self, state: SagaState, key: str) -> tuple[HeldEvent, ...]:
        """What a child has left to this saga to tell, by the key of the command that it is."""
        child = await child_of(self._worker, state.saga_id, state.commands[key])
        return child.events.handed_on() if child is not None else ()

    async def _suspend_waiting(self, saga_id: str, reason: Reason) -> SagaState:
        """Pause a saga that waits outside memory: parked or queued."""
        claim, state, entries = await self._claim(Act.PAUSE, saga_id)
        writer = self._worker.live.writer(state, token=claim.token, sequence=len(entries))
        if state.status is not Status.SUSPENDED:  # it may have been until it was claimed
            writer.record(SagaSuspended(self._now(), reason))
        await writer.persist()
        tell_suspended(state, reason)
        return state

    async def _claim(self, act: Act, saga_id: str) -> tuple[Claim, SagaState, list[Entry]]:
        refuse_illegal(act, await self._worker.get(saga_id))
        claim, state, entries = await self.claim_resting(saga_id)
        refuse_illegal(act, state)  # another replica may have let it go on until it was claimed
        return claim, state, entries

    async def claim_resting(self, saga_id: str) -> tuple[Claim, SagaState, list[Entry]]:
        """Claim a saga that rests; only now is what the journal says of it final."""
        claim = await self._worker.adapters.journal.claim_resting(self._worker.owner, saga_id)
        if claim is None:
            raise _advanced_elsewhere(saga_id)
        entries = await self._worker.adapters.journal.read(saga_id)
        return claim, fold(saga_id, entries), entries

    def _now(self) -> int:
        return self._worker.adapters.clock.now()


def _advanced_elsewhere(saga_id: str) -> ClaimLost:
    return ClaimLost(f"saga {saga_id} is being advanced by somebody else; ask again")


def _refuse_cancel(state: SagaState) -> None:
    refuse_illegal(Act.CANCEL, state)


def raise_failed(executor: Executor) -> None:
    """Say that a saga could not be changed, where its executor stopped because of the journal, or with the process.

    Raises:
        JournalError: so it is.
    """
    match executor.stopped.result():
        case Fail(JournalError() as error) if not isinstance(error, ClaimLost):
            raise error
        case Halt():
            raise ClaimLost(f"saga {executor.state.saga_id} is no longer advanced by this replica; ask again")
