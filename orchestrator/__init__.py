"""Durable sagas over plain gRPC.

What a saga's module needs::

    from orchestrator import CommandRejected, SagaRejected, best_effort, child, saga, saga_id, scope

Saga code runs again from the top when it is recovered, and must then do the same. So it draws the time and chance
from its journal, under names that tell what they replace::

    import orchestrator

    orchestrator.now()     # instead of datetime.now()
    orchestrator.random()  # instead of random.random()
    orchestrator.uuid4()   # instead of uuid.uuid4()

and runs another saga as a part of itself with ``await child(fulfil_order, FulfilmentRequest(...))``.
"""

from orchestrator.definition.context import best_effort, child, now, random, saga_id, scope, uuid4
from orchestrator.definition.saga import saga
from orchestrator.errors import CommandRejected, CommandUnknown, OrchestratorError, SagaRejected

__all__ = [
    "CommandRejected",
    "CommandUnknown",
    "OrchestratorError",
    "SagaRejected",
    "best_effort",
    "child",
    "now",
    "random",
    "saga",
    "saga_id",
    "scope",
    "uuid4",
]
