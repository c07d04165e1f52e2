"""A token on every call of a channel, whatever the shape of the method.

gRPC's own credentials for calls want TLS, and on loopback there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc.aio

if TYPE_CHECKING:
    from collections.abc import Sequence


def with_token(token: str) -> Sequence[grpc.aio.ClientInterceptor]:
    """The interceptors that add ``authorization: Bearer <token>``; none without a token."""
    if not token:
        return ()
    metadata = ("authorization", f"Bearer {token}")
    return [each(metadata) for each in (_UnaryUnary, _UnaryStream, _StreamUnary, _StreamStream)]


class _Bearing:
    def __init__(self, metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    async def _call(self, continuation: Any, details: Any, request: Any) -> Any:  # noqa: ANN401 - as in grpc
        metadata = grpc.aio.Metadata(*(details.metadata or ()), self._metadata)
        return await continuation(details._replace(metadata=metadata), request)


class _UnaryUnary(_Bearing, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:  # noqa: ANN401 - as in grpc
        return await self._call(continuation, client_call_details, request)


class _UnaryStream(_Bearing, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:  # noqa: ANN401 - as in grpc
        return await self._call(continuation, client_call_details, request)


class _StreamUnary(_Bearing, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(
        self,
        continuation: Any,  # noqa: ANN401 - as in grpc
        client_call_details: Any,  # noqa: ANN401 - as in grpc
        request_iterator: Any,  # noqa: ANN401 - as in grpc
    ) -> Any:  # noqa: ANN401 - as in grpc
        return await self._call(continuation, client_call_details, request_iterator)


class _StreamStream(_Bearing, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self,
        continuation: Any,  # noqa: ANN401 - as in grpc
        client_call_details: Any,  # noqa: ANN401 - as in grpc
        request_iterator: Any,  # noqa: ANN401 - as in grpc
    ) -> Any:  # noqa: ANN401 - as in grpc
        return await self._call(continuation, client_call_details, request_iterator)
