"""``saga.v1.SagaService``: any saga, whatever its definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.engine.ports import SagaFilter
from orchestrator.errors import InvalidInput
from orchestrator.transport.requests import DEFAULT_PAGE_SIZE, start_request, statuses
from orchestrator.transport.views import record_view, saga_view
from saga.v1 import saga_pb2, saga_service_pb2
from saga.v1.saga_service_pb2_grpc import SagaServiceServicer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc.aio
    from google.protobuf.message import Message

    from orchestrator.engine.served import ServedSaga
    from orchestrator.engine.state import SagaState
    from orchestrator.engine.worker import Worker

    Context = grpc.aio.ServicerContext[Any, Any]


class SagaService(SagaServiceServicer):
    """Starts, shows, watches and cancels the sagas of one worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def StartSaga(
        self, request: saga_service_pb2.StartSagaRequest, context: Context
    ) -> saga_service_pb2.StartSagaResponse:
        """See the contract."""
        served = self._served(request.definition, request.version)
        order = start_request(served, _unpacked(served, request), request.request_id, context)
        state = await self._worker.start(order, request.wait.ToTimedelta().total_seconds())
        return saga_service_pb2.StartSagaResponse(saga=self._view(state))

    async def GetSaga(
        self, request: saga_service_pb2.GetSagaRequest, context: Context
    ) -> saga_service_pb2.GetSagaResponse:
        """See the contract."""
        return saga_service_pb2.GetSagaResponse(saga=self._view(await self._worker.get(request.saga_id)))

    async def ListSagas(
        self, request: saga_service_pb2.ListSagasRequest, context: Context
    ) -> saga_service_pb2.ListSagasResponse:
        """See the contract."""
        where = SagaFilter(
            definition=request.definition,
            statuses=statuses(request.statuses),
            started_from=request.started_from.ToNanoseconds() if request.HasField("started_from") else None,
            started_before=request.started_before.ToNanoseconds() if request.HasField("started_before") else None,
            attributes=tuple(request.attributes.items()),
        )
        records, token = await self._worker.search(where, request.page_size or DEFAULT_PAGE_SIZE, request.page_token)
        return saga_service_pb2.ListSagasResponse(sagas=map(record_view, records), next_page_token=token)

    async def WatchSaga(
        self, request: saga_service_pb2.WatchSagaRequest, context: Context
    ) -> AsyncIterator[saga_service_pb2.WatchSagaResponse]:
        """See the contract."""
        async for state in self._worker.watch(request.saga_id):
            yield saga_service_pb2.WatchSagaResponse(saga=self._view(state))

    async def CancelSaga(
        self, request: saga_service_pb2.CancelSagaRequest, context: Context
    ) -> saga_service_pb2.CancelSagaResponse:
        """See the contract."""
        state = await self._worker.cancel(request.saga_id, request.reason, request.requested_by)
        return saga_service_pb2.CancelSagaResponse(saga=self._view(state))

    def _served(self, definition: str, version: int) -> ServedSaga:
        served = self._worker.served.find(definition, version)
        if served is None:
            known = ", ".join(str(saga.definition) for saga in self._worker.served)
            raise InvalidInput(
                ("definition", f"no saga {definition} v{version or 'any'} is served; there are: {known}")
            )
        return served

    def _view(self, state: SagaState) -> saga_pb2.Saga:
        return saga_view(state, self._worker.served.find(state.definition, state.version))


def _unpacked(served: ServedSaga, request: saga_service_pb2.StartSagaRequest) -> Message:
    message: Message = served.definition.input()
    expected = message.DESCRIPTOR.full_name
    try:
        fits = request.input.Unpack(message)
    except ValueError:
        raise InvalidInput(("input", f"cannot be read as {expected}")) from None
    if not fits:
        raise InvalidInput(("input", f"must be a {expected}, not a {request.input.TypeName()}"))
    return message
