"""Which saga a command is, where it is a child."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.errors import SagaNotFound
from orchestrator.journal.keys import LONGEST_SAGA_ID, bounded, idempotency_key

if TYPE_CHECKING:
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.journal.state import CommandState, SagaState
    from orchestrator.ports.journal import Journal


async def child_id(journal: Journal, key: str) -> str:
    """The idempotency key of the command; where that is long, a shorter one, unless the child has it already."""
    bounded_key = bounded(key, LONGEST_SAGA_ID)
    if bounded_key != key and await journal.find(key) is not None:
        return key
    return bounded_key


async def child_of(worker: Worker, saga_id: str, command: CommandState) -> SagaState | None:
    """The child that a command of a saga is, as it stands now; ``None`` where it is none, or was never started.

    Raises:
        JournalError: it cannot be asked for.
    """
    if not command.method.startswith(f"{SERVICE}."):
        return None
    try:
        return await worker.get(await child_id(worker.adapters.journal, idempotency_key(saga_id, command.key)))
    except SagaNotFound:
        return None
