"""A replica in a process of one's own, without an API: what a program imports that runs sagas itself."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.bootstrap.replica import assembled
from orchestrator.engine.starting import start_request
from orchestrator.errors import DefinitionError, SagaNotCompleted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orchestrator.bootstrap.served import Definition
    from orchestrator.channels.router import Router
    from orchestrator.definition.saga import Input, Result, SagaDefinition
    from orchestrator.engine.replica.replica import Replica
    from orchestrator.settings import Settings

_WAIT: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class OpenedReplica:
    """One replica without an API: for a process that runs sagas of its own. Made by :func:`opened`.

    Attributes:
        sagas: the engine.
        participants: the way to the participants.
    """

    sagas: Replica
    participants: Router

    @property
    def recovered(self) -> int:
        """How many sagas it has taken over so far."""
        return self.sagas.recovery().recovered

    async def run(
        self,
        definition: SagaDefinition[Input, Any, Result],
        saga_input: Input,
        *,
        request_id: str = "",
        traceparent: str = "",
        wait: timedelta = _WAIT,
    ) -> Result:
        """Run a saga to its end.

        Args:
            definition: one of those that the replica was opened with.
            saga_input: the saga's input.
            request_id: makes repeating this call safe: the same id finds the same saga.
            traceparent: the W3C trace context of the caller, or empty.
            wait: how long to wait for the end.

        Raises:
            InvalidInput: the input breaks its contract.
            SagaNotCompleted: it was rolled back, is suspended, or still runs.
            SagaExists: the request id was used before, with another input.
            JournalUnavailable: it is not started.
        """
        served = self.sagas.find(definition.name, definition.version)
        if served is None:
            raise DefinitionError(f"this replica was not opened with {definition}")
        refuse_invalid(saga_input)
        request = start_request(served, saga_input, request_id, traceparent)
        state = await self.sagas.start(request, wait.total_seconds())
        if state.result is None:
            assert state.status is not None
            reason = state.reason.message if state.reason else ""
            raise SagaNotCompleted(state.saga_id, state.status.name.lower(), reason)
        return definition.result.FromString(state.result)


@asynccontextmanager
async def opened(settings: Settings, definitions: Sequence[Definition]) -> AsyncIterator[OpenedReplica]:
    """A replica that runs these sagas until the block is left, and has recovered what no replica advances.

    Raises:
        SettingsError: a setting cannot work.
        DefinitionError: a contract or a saga breaks a rule; the message names every violation.
        JournalUnavailable: the journal cannot be opened.
    """
    async with assembled(settings, definitions) as (sagas, participants):
        await sagas.worker.open()
        yield OpenedReplica(sagas, participants)
