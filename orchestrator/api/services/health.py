"""The standard health service of the orchestrator: SERVING while the journal can be reached, until the drain begins.

grpcio's own servicer leaves its watchers open for ever, so every drain would last until its deadline. Here a
watcher is told NOT_SERVING and its stream ends.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

from orchestrator.contract.wording import cut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Context = grpc.aio.ServicerContext[Any, Any]

_untyped: Final[Any] = health_pb2
_NAME_BYTES: Final = 200


class Health(HealthServicer):
    """``grpc.health.v1.Health`` of the API's services, and of the server as a whole.

    Args:
        services: the full names of the API's services.
    """

    def __init__(self, services: frozenset[str]) -> None:
        self._known = services | {""}
        self._is_ready = True
        self._is_draining = False
        self._changed = asyncio.Event()

    def be_ready(self, is_ready: bool) -> None:
        """Say whether what is asked for can be done now; until the drain."""
        if is_ready is not self._is_ready:
            self._is_ready = is_ready
            self._tell()

    def drain(self) -> None:
        """From now on the answer is NOT_SERVING."""
        self._is_draining = True
        self._tell()

    async def Check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        """The current status; NOT_FOUND for a service that is not served here."""
        if request.service not in self._known:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {cut(request.service, _NAME_BYTES)} here")
        return self._status(request.service)

    async def List(self, request: Any, context: Context) -> Any:  # noqa: ANN401 - its stubs know no List
        """The current status of each service."""
        return _untyped.HealthListResponse(statuses={service: self._status(service) for service in self._known})

    async def Watch(self, request: HealthCheckRequest, context: Context) -> AsyncIterator[HealthCheckResponse]:
        """The current status, and each one after it, until the drain begins."""
        told: int | None = None
        while True:
            changed, is_last = self._changed, self._is_draining
            status = self._status(request.service)
            if status.status != told:
                told = status.status
                yield status
            if is_last:
                return
            await changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _status(self, service: str) -> HealthCheckResponse:
        if service not in self._known:
            return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        serves = self._is_ready and not self._is_draining
        return HealthCheckResponse(status=HealthCheckResponse.SERVING if serves else HealthCheckResponse.NOT_SERVING)
