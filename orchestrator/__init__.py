"""Durable sagas over plain gRPC.

What a saga's module needs::

    from orchestrator import CommandRejected, SagaRejected, best_effort, saga, saga_id, scope
"""

from orchestrator.definition.context import best_effort, saga_id, scope
from orchestrator.definition.saga import saga
from orchestrator.errors import CommandRejected, CommandUnknown, OrchestratorError, SagaRejected

__all__ = [
    "CommandRejected",
    "CommandUnknown",
    "OrchestratorError",
    "SagaRejected",
    "best_effort",
    "saga",
    "saga_id",
    "scope",
]
