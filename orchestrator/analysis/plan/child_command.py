"""A child saga as its parent sees it: one command, which is compensated by rolling the child back.

A child whose code has a pivot cannot be rolled back once it has completed, so it is a pivot of its parent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.empty_pb2 import Empty

from orchestrator.contract.command import Command, Effect

if TYPE_CHECKING:
    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition

SERVICE: Final = "saga"
"""The first part of a child's name, in place of a service: ``saga.fulfil_order``."""

ROLLBACK: Final = "Rollback"
"""The last part of the name of a child's compensation: ``saga.fulfil_order.Rollback``."""

# How long one attempt waits for a child. The child runs on, and the next attempt waits for the same child.
_PATIENCE: Final = timedelta(seconds=60)


def child_command(definition: SagaDefinition[Any, Any, Any], plan: Plan) -> Command:
    """The command that a child saga is to the saga that runs it.

    Args:
        definition: the child.
        plan: its plan, which tells whether it has a pivot.
    """
    name = definition.name if definition.version == 1 else f"{definition.name}.v{definition.version}"
    rollback = Command(
        service=SERVICE,
        method=f"{name}.{ROLLBACK}",
        file=plan.file,
        request=definition.input,
        response=Empty,
        effect=Effect.RETRYABLE,
        timeout=_PATIENCE,
    )
    return Command(
        service=SERVICE,
        method=name,
        file=plan.file,
        request=definition.input,
        response=definition.result,
        effect=Effect.PIVOT if plan.pivot else Effect.COMPENSABLE,
        timeout=_PATIENCE,
        compensation=None if plan.pivot else rollback,
    )
