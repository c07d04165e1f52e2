"""The operator: resumes what is suspended, again and again, until nothing is."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, Self

import grpc
import grpc.aio

from saga.v1 import saga_pb2
from saga.v1.saga_service_pb2 import ListSagasRequest, ResumeSagaRequest, SagaFilter
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from tests.crash.processes import CHANNEL_OPTIONS

if TYPE_CHECKING:
    from types import TracebackType

_SUSPENDED: Final = ListSagasRequest(page_size=1000, filter=SagaFilter(statuses=[saga_pb2.STATUS_SUSPENDED]))
_SECONDS: Final = 10
_PAUSE_SECONDS: Final = 0.2


class Operator:
    """Sits in front of one orchestrator; an async context manager.

    Args:
        address: the orchestrator's.

    Attributes:
        resumed: why the sagas that were resumed had been suspended, and how often.
    """

    def __init__(self, address: str) -> None:
        self.resumed = Counter[str]()
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._sagas = SagaServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def resuming(self) -> None:
        """Resume for ever whatever is suspended, also after an orchestrator was away, or a saga had gone on."""
        while True:
            try:
                await self.resume_all()
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    async def resume_all(self) -> None:
        """Resume each saga that is suspended now, once.

        Raises:
            grpc.aio.AioRpcError: the orchestrator refuses.
        """
        for saga in (await self._sagas.ListSagas(_SUSPENDED, timeout=_SECONDS)).sagas:
            request = ResumeSagaRequest(saga_id=saga.saga_id, reason="what was wrong is over", requested_by="operator")
            resumed = await self._sagas.ResumeSaga(request, timeout=_SECONDS)
            assert resumed.saga.saga_id == saga.saga_id
            self.resumed[saga.reason.code] += 1
