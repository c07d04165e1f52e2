"""The standard health service: SERVING until the drain begins.

grpcio's own servicer leaves its watchers open for ever, so every drain would last until its deadline. Here a
watcher receives NOT_SERVING, and its stream ends.
"""

import asyncio
from typing import Any, TypeAlias

import grpc.aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse  # type: ignore[attr-defined]  # newer than its stubs
from grpc_health.v1.health_pb2_grpc import HealthServicer

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class Health(HealthServicer):
    """grpc.health.v1.Health of one service, and of the server as a whole.

    Args:
        service: the full name of the gRPC service.
    """

    def __init__(self, service: str) -> None:
        self._known = frozenset({"", service})
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Answer NOT_SERVING from now on."""
        self._draining.set()

    async def Check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        """Answer the current status; NOT_FOUND for a service that is not served here."""
        if request.service not in self._known:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service here")
        return self._status()

    async def List(self, request: HealthListRequest, context: Context) -> HealthListResponse:  # noqa: ARG002
        """Answer the current status of each service."""
        return HealthListResponse(statuses={service: self._status() for service in self._known})

    async def Watch(self, request: HealthCheckRequest, context: Context) -> None:
        """Answer the current status, and once more when the drain begins."""
        if request.service not in self._known:
            await context.write(HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN))
            await self._draining.wait()
            return
        told = self._status()
        await context.write(told)
        await self._draining.wait()
        # The drain may have begun before the first answer, or while it was being sent.
        if told != self._status():
            await context.write(self._status())

    def _status(self) -> HealthCheckResponse:
        if self._draining.is_set():
            return HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)
        return HealthCheckResponse(status=HealthCheckResponse.SERVING)
