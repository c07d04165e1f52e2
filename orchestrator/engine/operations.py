"""What operators do to sagas: cancel, pause, resume, retry now, resolve, skip. Every act is journalled.

A live saga is asked through its executor. One that rests (suspended, or a completed child) is claimed first, so that
no two replicas change it at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.cancellation import refuse_cancel
from orchestrator.engine.entries import CompensationSkipped, OutcomeResolved, SagaResumed
from orchestrator.engine.state import ENDED, REASON_CANCELLED, REASON_PAUSED, Reason, Status, fold
from orchestrator.engine.stopping import Fail, Halt
from orchestrator.errors import ClaimLost, JournalError, OperationRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.entries import Entry
    from orchestrator.engine.executor import Executor
    from orchestrator.engine.ports import Claim
    from orchestrator.engine.state import CommandState, SagaState
    from orchestrator.engine.worker import Worker


class Operations:
    """The operators' acts on the sagas of one worker, and on those that rest.

    Every method may raise :class:`~orchestrator.errors.SagaNotFound` and
    :class:`~orchestrator.errors.JournalError`: nothing has changed then.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def cancel(self, saga_id: str, why: str, requested_by: str) -> SagaState:
        """Roll a saga back; the saga, once that is durable. Repeating it changes nothing.

        Raises:
            CancelRefused: its pivot was accepted, or may have been, or it has completed.
        """
        return await self._roll_back(saga_id, Reason(REASON_CANCELLED, why, "", requested_by), refuse_cancel)

    async def roll_back_child(self, saga_id: str, why: str) -> SagaState:
        """Roll a child back with its parent, even where it has completed; the child as it stands then."""
        return await self._roll_back(saga_id, Reason(REASON_CANCELLED, why), lambda _: None)

    async def pause(self, saga_id: str, why: str, requested_by: str) -> SagaState:
        """Suspend a saga, forward or backward, once no attempt is in flight. Repeating it changes nothing.

        Raises:
            OperationRefused: it has ended.
        """
        executor = self._worker.live.get(saga_id)
        if executor is not None:
            await executor.pause(Reason(REASON_PAUSED, why, "", requested_by))
            _raise_failed(executor)
        state = await self._worker.get(saga_id)
        if state.status in ENDED:
            raise _ended(state)
        return state

    async def resume(self, saga_id: str, why: str, requested_by: str) -> SagaState:
        """Carry on with a suspended saga from where it stands.

        Raises:
            OperationRefused: it is not suspended.
        """
        claim, state, entries = await self._claim(saga_id)
        reason = Reason("RESUMED", why, "", requested_by)
        executor = self._worker.adopt(claim, entries, state, entry=SagaResumed(self._now(), reason))
        await executor.ensure_persisted()
        return executor.state

    async def retry_now(self, saga_id: str, why: str, requested_by: str) -> SagaState:
        """Make at once the attempts that a live saga would make after its backoff.

        Raises:
            OperationRefused: nothing waits for its backoff to end.
        """
        executor = self._worker.live.get(saga_id)
        state = executor.state if executor else await self._worker.get(saga_id)
        if executor is None or not executor.retry_now(Reason("RETRY_NOW", why, "", requested_by)):
            raise OperationRefused(saga_id, "NOTHING_WAITS", f"saga {saga_id} has no attempt that waits")
        await executor.ensure_persisted()
        return state

    async def resolve_outcome(
        self, saga_id: str, key: str, *, took_effect: bool, reply: bytes | None, evidence: str, requested_by: str
    ) -> SagaState:
        """Say what came of a command of a suspended saga that is in doubt, or was refused after the pivot.

        The latter can only have been done by hand: then the saga goes on as if the participant had done it.

        Args:
            saga_id: the saga.
            key: the command.
            took_effect: whether it did.
            reply: its serialized reply, where it did and the reply is known.
            evidence: how that is known.
            requested_by: who says so.

        Raises:
            OperationRefused: the saga is not suspended, the command's outcome is known, or its reply is needed.
        """

        def entry(state: SagaState) -> Entry:
            command = _resolvable(state, key)
            if took_effect and reply is None and not state.rollback:
                message = f"{key} took effect: the saga needs its reply to go forward"
                raise OperationRefused(saga_id, "REPLY_NEEDED", message)
            reason = Reason("RESOLVED", evidence, command.key, requested_by)
            return OutcomeResolved(self._now(), key, took_effect, reply or b"", reason)

        return await self._note(saga_id, entry)

    async def skip_compensation(self, saga_id: str, key: str, evidence: str, requested_by: str) -> SagaState:
        """Let the effect of a command stand in the suspended rollback of a saga.

        Raises:
            OperationRefused: the saga is not suspended in a rollback, or the command has no effect to let stand.
        """

        def entry(state: SagaState) -> Entry:
            command = _command(state, key)
            if not state.rollback:
                raise OperationRefused(
                    saga_id, "NOT_ROLLING_BACK", f"saga {saga_id} does not roll back; cancel it first"
                )
            if not command.may_stand:
                raise OperationRefused(saga_id, "NOTHING_STANDS", f"{key} has no effect that stands")
            return CompensationSkipped(self._now(), key, Reason("SKIPPED", evidence, key, requested_by))

        return await self._note(saga_id, entry)

    async def _roll_back(self, saga_id: str, reason: Reason, refuse: Callable[[SagaState], None]) -> SagaState:
        while True:
            executor = self._worker.live.get(saga_id)
            if executor is None:
                state = await self._worker.get(saga_id)
                refuse(state)
                if state.rollback:
                    return state
                claim, state, entries = await self._claim_resting(saga_id)
                refuse(state)  # it may have come further until it was claimed
                if state.rollback:
                    return state
                executor = self._worker.adopt(claim, entries, state, rollback=reason)
            if await executor.cancel(reason, refuse):
                return executor.state
            # It has stopped otherwise meanwhile: there may be something to roll back, or nothing more to do.
            _raise_failed(executor)

    async def _note(self, saga_id: str, entry: Callable[[SagaState], Entry]) -> SagaState:
        """Journal an act on a suspended saga, which stays suspended."""
        entry(await self._suspended(saga_id))  # refused before anything is claimed, if it is to be refused
        claim, state, entries = await self._claim(saga_id)
        writer = self._worker.writer(state, token=claim.token, sequence=len(entries))
        writer.record(entry(state))
        await writer.persist()
        return state

    async def _claim(self, saga_id: str) -> tuple[Claim, SagaState, list[Entry]]:
        await self._suspended(saga_id)
        claim, state, entries = await self._claim_resting(saga_id)
        _refuse_unless_suspended(state)  # another replica may have let it go on until it was claimed
        return claim, state, entries

    async def _claim_resting(self, saga_id: str) -> tuple[Claim, SagaState, list[Entry]]:
        """Claim a saga that rests; only now is what the journal says of it final."""
        claim = await self._worker.world.journal.claim_resting(self._worker.owner, saga_id)
        if claim is None:
            raise ClaimLost(f"saga {saga_id} is being advanced by somebody else; ask again")
        entries = await self._worker.world.journal.read(saga_id)
        return claim, fold(saga_id, entries), entries

    async def _suspended(self, saga_id: str) -> SagaState:
        state = await self._worker.get(saga_id)
        _refuse_unless_suspended(state)
        return state

    def _now(self) -> int:
        return self._worker.world.clock.now()


def _refuse_unless_suspended(state: SagaState) -> None:
    if state.status is not Status.SUSPENDED:
        message = f"saga {state.saga_id} is not suspended; pause it first"
        raise OperationRefused(state.saga_id, "NOT_SUSPENDED", message)


def _command(state: SagaState, key: str) -> CommandState:
    command = state.commands.get(key)
    if command is None:
        known = ", ".join(state.commands)
        raise OperationRefused(state.saga_id, "NO_SUCH_COMMAND", f"no command {key!r}; there are: {known}")
    return command


def _resolvable(state: SagaState, key: str) -> CommandState:
    command = _command(state, key)
    if not command.in_doubt and command is not state.refused_after_pivot:
        raise OperationRefused(state.saga_id, "OUTCOME_KNOWN", f"{key} is not in doubt")
    return command


def _ended(state: SagaState) -> OperationRefused:
    assert state.status is not None
    return OperationRefused(state.saga_id, "SAGA_ENDED", f"saga {state.saga_id} has ended: {state.status.name.lower()}")


def _raise_failed(executor: Executor) -> None:
    """Say that a saga could not be changed, where its executor stopped because of the journal, or with the process.

    Raises:
        JournalError: so it is.
    """
    match executor.stopped.result():
        case Fail(JournalError() as error) if not isinstance(error, ClaimLost):
            raise error
        case Halt():
            raise ClaimLost(f"saga {executor.state.saga_id} is being let go of by this replica; ask again")
