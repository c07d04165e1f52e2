"""Which saga a command is, where it is a child."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.errors import SagaNotFound
from orchestrator.journal.keys import child_id, idempotency_key

if TYPE_CHECKING:
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.journal.state import CommandState, SagaState
    from orchestrator.ports.journal import Journal


async def known_child_id(journal: Journal, key: str) -> str:
    """The id of the child with this idempotency key; the key itself, where the child has it already."""
    found = child_id(key)
    if found != key and await journal.find(key) is not None:
        return key
    return found


async def child_of(worker: Worker, saga_id: str, command: CommandState) -> SagaState | None:
    """The child that a command of a saga is, as it stands now; ``None`` where it is none, or was never started.

    Raises:
        JournalError: it cannot be asked for.
    """
    if not command.method.startswith(f"{SERVICE}."):
        return None
    try:
        return await worker.get(await known_child_id(worker.adapters.journal, idempotency_key(saga_id, command.key)))
    except SagaNotFound:
        return None
