"""The way from the command line to a running orchestrator, and what is told when it does not lead there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Final

import grpc
import grpc.aio
import typer

from orchestrator.cli.refusal import refuse
from orchestrator.contract.addresses import default_address
from saga.v1.saga_service_pb2 import DESCRIPTOR
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEFAULT_ADDRESS: Final = default_address(DESCRIPTOR.services_by_name["SagaService"])

Address = Annotated[str, typer.Option(help="host:port of the orchestrator.")]
SagaId = Annotated[str, typer.Argument(help="The saga's identity; of an order, the order id.", show_default=False)]

PATIENCE_SECONDS: Final = 10.0
"""How long a command waits for an answer."""

# One asks for a saga to see it, however large it has become.
_OPTIONS: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

_NOT_THERE: Final = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT})


@contextlib.asynccontextmanager
async def channel_to(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the orchestrator at ``host:port``. A call that fails ends the command with one line.

    Raises:
        typer.Exit: with code 2, there is no such saga; with code 1, the call failed otherwise.
    """
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        try:
            yield channel
        except grpc.aio.AioRpcError as error:
            _tell(error, address)


@contextlib.asynccontextmanager
async def sagas_at(address: str) -> AsyncIterator[SagaServiceStub]:
    """The operators' API at ``host:port``; ends as :func:`channel_to` does."""
    async with channel_to(address) as channel:
        yield SagaServiceStub(channel)


def _tell(error: grpc.aio.AioRpcError, address: str) -> None:
    # What the orchestrator itself says carries details; without them, nobody was there to say anything.
    if error.code() is grpc.StatusCode.UNAVAILABLE and not error.trailing_metadata():
        refuse(f"no orchestrator answers at {address}; start one (`make run`), or name another --address", code=1)
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        refuse(f"the orchestrator at {address} did not answer within {PATIENCE_SECONDS:.0f} s", code=1)
    refuse(error.details() or error.code().name, code=2 if error.code() in _NOT_THERE else 1)
