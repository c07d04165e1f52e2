"""Child sagas: a saga as a command of another.

To its parent a child is a command like any other: started under the command's idempotency key, so that a repeated
attempt finds it; awaited, attempt by attempt; compensated by being rolled back, even after it has completed. What
the command is, :func:`~orchestrator.analysis.plan.child_command.child_command` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.plan.child_command import ROLLBACK, SERVICE, child_command
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.bindings.binding import Binding
from orchestrator.engine.child_outcomes import child_outcome, rollback_outcome
from orchestrator.engine.replica.acting.acts import Acts
from orchestrator.engine.replica.child_ids import known_child_id
from orchestrator.engine.starting import child_start
from orchestrator.errors import JournalError, SagaDeleted, SagaExists
from orchestrator.journal.outcome import Failure, Unknown

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
    from orchestrator.engine.definitions import ServedSaga
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.engine.sagas import StartSaga
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.channel import Caller


def add_children(worker: Worker, breaker: CircuitBreaker) -> None:
    """Let every saga that the worker serves be run as a child of another.

    Args:
        worker: runs the children.
        breaker: in front of them: the limit of children in flight.
    """
    for served in worker.served:
        command = child_command(served.definition, served.plan)
        worker.bindings.add_child(served.definition, Binding(command, _Children(worker, served), {SERVICE: breaker}))


class _Children:
    """The way to the children of one definition."""

    def __init__(self, worker: Worker, served: ServedSaga) -> None:
        self._worker = worker
        self._served = served

    def caller(self, command: Command) -> Caller:
        """See the port."""
        return self._roll_back if command.method.endswith(ROLLBACK) else self._run

    async def is_serving(self, _service: str) -> bool | None:
        """This very process does."""
        return True

    async def _run(self, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the port's
        known = dict(metadata)
        try:
            start = await self._start_of(request, known["idempotency-key"], known)
            return child_outcome(await self._worker.start(start, wait=timeout))
        except JournalError as error:
            return _unavailable(error)
        except SagaDeleted as error:
            return _deleted(error)

    async def _roll_back(
        self,
        request: bytes,
        metadata: tuple[tuple[str, str], ...],
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Outcome:
        known = dict(metadata)
        try:
            start = await self._start_of(request, known["compensates"], known)
            state = await self._undone(start, timeout)
        except JournalError as error:
            return _unavailable(error)
        except SagaDeleted as error:
            return _deleted(error)
        return rollback_outcome(state)

    async def _undone(self, start: StartSaga, timeout: float) -> SagaState:  # noqa: ASYNC109 - as above
        """The child once it is rolled back, or as it stands after so many seconds."""
        try:
            await self._worker.write_tombstone(start)
        except SagaDeleted:
            raise
        except SagaExists:
            await Acts(self._worker).roll_back_child(start.saga_id, "its parent is rolled back")
        return await self._worker.wait(start.saga_id, timeout)

    async def _start_of(self, request: bytes, key: str, known: dict[str, str]) -> StartSaga:
        """How the child of a command with this idempotency key is started.

        Raises:
            JournalError: the journal cannot be asked for its id.
        """
        return child_start(self._served, await known_child_id(self._worker.adapters.journal, key), request, known)


def _unavailable(error: JournalError) -> Unknown:
    """The journal failed: what is durable is unknown. The reason tells this failure from a participant that is gone."""
    return Unknown(Failure(StatusCode.UNAVAILABLE, str(error), "JOURNAL_UNAVAILABLE"))


def _deleted(error: SagaDeleted) -> Unknown:
    """Children are deleted with their parent, so this parent was, too: the caller has lost its claim long ago."""
    return Unknown(Failure(StatusCode.ABORTED, str(error), "SAGA_DELETED"), final=True)
