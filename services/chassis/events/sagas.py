"""Starts sagas through the orchestrator's API, for subscribers that begin one.

The request id is the event's, so an event that is delivered again finds the saga that it has started. The trace goes
on: the saga's root span is a child of the span in which the event is handled.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from orchestrator.participant.metadata import TRACEPARENT
from orchestrator.participant.security.exposure import is_exposed
from orchestrator.participant.statuses import DETAILS
from saga.v1.saga_service_pb2 import StartSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from services.chassis.errors import DEFINITE, Rejection, StartupError, Unavailable
from services.chassis.events.handling import Start

_SECONDS: Final = 10.0
# What an operator can set right, such as a token that has expired: the event waits for that, and is no dead letter.
_PASSING: Final = frozenset({grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED})
# The saga of this event was started, has ended, and was deleted since.
_STARTED: Final = (grpc.StatusCode.ALREADY_EXISTS, "SAGA_DELETED")


class SagaStarts:
    """Starts sagas at one orchestrator.

    Args:
        channel: to it.
        token_file: whose content says who starts them; ``None`` for nobody. It is read anew each time.
    """

    def __init__(self, channel: grpc.aio.Channel, token_file: Path | None) -> None:
        self._stub: Any = SagaServiceStub(channel)
        self._token_file = token_file

    async def __call__(self, definition: str, saga_input: Message, request_id: str, traceparent: str) -> None:
        """See ``handling.Start``."""
        packed = AnyMessage()
        packed.Pack(saga_input, deterministic=True)
        request = StartSagaRequest(definition=definition, input=packed, request_id=request_id)
        metadata = [*self._credentials(), *([(TRACEPARENT, traceparent)] if traceparent else [])]
        try:
            await self._stub.StartSaga(request, metadata=metadata, timeout=_SECONDS, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            if (error.code(), _reason(error)) == _STARTED:
                return
            said = f"the saga {definition} was not started: {error.code().name}: {error.details()}"
            if error.code() in DEFINITE - _PASSING:
                raise Rejection("SAGA_REFUSED", said) from error
            raise Unavailable(said) from error

    def _credentials(self) -> list[tuple[str, str]]:
        if self._token_file is None:
            return []
        try:
            return [("authorization", f"Bearer {self._token_file.read_text().strip()}")]
        except OSError as error:
            raise Unavailable(f"{self._token_file}: {error.strerror}") from error


def _reason(error: grpc.aio.AioRpcError) -> str:
    """The reason of the google.rpc.ErrorInfo; empty where there is none."""
    details = dict(error.trailing_metadata()).get(DETAILS)
    info = error_details_pb2.ErrorInfo()
    try:
        for detail in status_pb2.Status.FromString(details).details if isinstance(details, bytes) else ():
            if detail.Unpack(info):
                return str(info.reason)
    except DecodeError:
        return ""  # what stands between has changed it
    return ""


@asynccontextmanager
async def saga_starts(
    address: str, *, token_file: Path | None, ca: bytes | None, variable: str
) -> AsyncIterator[Start]:
    """What starts sagas at ``host:port``; without an address, every start waits for one.

    Args:
        address: of the orchestrator; empty for none.
        token_file: see ``SagaStarts``.
        ca: the authorities of the orchestrator's certificate; ``None`` for no TLS.
        variable: which setting says the address.

    Raises:
        StartupError: the token would cross a network without TLS.
    """
    if not address:

        async def unset(_definition: str, _input: Message, _request_id: str, _traceparent: str) -> None:
            raise Unavailable(f"no saga can be started: {variable} is not set")

        yield unset
        return
    options = [("grpc.enable_http_proxy", 0)] if not is_exposed(address) else []
    if ca is None:
        if is_exposed(address):
            raise StartupError(f"{variable}: {address} is reached over a network, without TLS")
        channel = grpc.aio.insecure_channel(address, options)
    else:
        channel = grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca), options)
    async with channel:
        yield SagaStarts(channel, token_file)
