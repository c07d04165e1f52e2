"""The operator: resumes what is suspended, again and again, until nothing is."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, Self

import grpc
import grpc.aio

from orchestrator.channels.grpc.bearer import with_token
from saga.v1 import saga_pb2
from saga.v1.saga_service_pb2 import GetSagaRequest, ListSagasRequest, ResumeSagaRequest, SagaFilter
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from tests.crash.processes import CHANNEL_OPTIONS
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from types import TracebackType

_SUSPENDED: Final = ListSagasRequest(page_size=1000, filter=SagaFilter(statuses=[saga_pb2.STATUS_SUSPENDED]))
_SECONDS: Final = 10
_PAUSE_SECONDS: Final = 0.2
_MOST: Final = 100
"""More often than chance suspends one saga for what passes."""


class NeverEnds(Exception):
    """A saga is suspended again, however often it is resumed."""


class Operator:
    """Sits in front of one orchestrator; an async context manager.

    Args:
        address: the orchestrator's.

    Attributes:
        resumed: why the sagas that were resumed had been suspended, and how often.
    """

    def __init__(self, address: str) -> None:
        self.resumed = Counter[str]()
        self._of_saga = Counter[str]()
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS, interceptors=with_token(TOKEN))
        self._sagas = SagaServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def resuming(self) -> None:
        """Resume for ever whatever is suspended, also after an orchestrator was away, or a saga had gone on.

        Raises:
            NeverEnds: that helps one of them never.
        """
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
            NeverEnds: one of them was resumed too often.
        """
        for listed in (await self._sagas.ListSagas(_SUSPENDED, timeout=_SECONDS)).sagas:
            shown = await self._sagas.GetSaga(GetSagaRequest(saga_id=listed.saga_id), timeout=_SECONDS)
            request = ResumeSagaRequest(saga_id=listed.saga_id, reason="what was wrong is over")
            await self._sagas.ResumeSaga(request, timeout=_SECONDS)
            self.resumed[shown.saga.reason.code] += 1
            self._of_saga[listed.saga_id] += 1
            if self._of_saga[listed.saga_id] > _MOST:
                raise NeverEnds(f"{listed.saga_id} is suspended again and again: {shown.saga.reason}")
