"""``saga.v1.DefinitionService``: which sagas can be started, and with what."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from orchestrator.access.narrowed import narrowing
from saga.v1 import definition_service_pb2 as api
from saga.v1.definition_service_pb2_grpc import DefinitionServiceServicer

if TYPE_CHECKING:
    import grpc.aio

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.sagas import Sagas

    Context = grpc.aio.ServicerContext[Any, Any]


class DefinitionService(DefinitionServiceServicer):
    """Tells of the definitions that one engine serves. See the contract for each rpc."""

    def __init__(self, sagas: Sagas) -> None:
        self._sagas = sagas

    async def ListDefinitions(
        self, request: api.ListDefinitionsRequest, context: Context
    ) -> api.ListDefinitionsResponse:
        """See the contract."""
        subject = narrowing()
        only = subject.definitions if subject else frozenset()
        served = (each.definition for each in self._sagas.served())
        return api.ListDefinitionsResponse(
            definitions=[_view(each) for each in served if not only or each.name in only]
        )


def _view(definition: SagaDefinition[Any, Any, Any]) -> api.Definition:
    told = inspect.getdoc(definition.function) or ""
    return api.Definition(
        name=definition.name,
        version=definition.version,
        input_type=definition.input.DESCRIPTOR.full_name,
        summary=told.partition("\n")[0],
    )
