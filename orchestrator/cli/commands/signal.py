"""``orchestrator signal``, ``approve`` and ``reject``: what people and scripts tell sagas that wait for it.

These commands are clients of ``saga.v1.SagaService``, as those of operators are.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, SagaId, channel_to, whole_id
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.exit import refuse
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.payloads import message_from_json
from orchestrator.cli.output.rendering import open_console, saga_page
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as api
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import grpc.aio
    from google.protobuf.any_pb2 import Any as AnyMessage

    Message = Callable[[grpc.aio.Channel, saga_pb2.Saga], Awaitable[AnyMessage]]

_APPROVAL: Final = "approval"

Name = Annotated[str, typer.Argument(help="The signal's name, as the saga's code has it.", show_default=False)]
Approval = Annotated[str, typer.Option("--name", help="The signal's name, where the saga's code gives it another.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in a sentence.")]
RequestId = Annotated[
    str, typer.Option("--request-id", help="A UUID that makes repeating the command safe.", show_default="a new one")
]


def signal(
    saga_id: SagaId,
    name: Name,
    message: Annotated[str, typer.Option("--input", help="The signal's message, as JSON.")] = "{}",
    message_type: Annotated[
        str,
        typer.Option(
            "--type",
            help="The full name of its message; needed where the saga does not wait for it yet.",
            metavar="NAME",
        ),
    ] = "",
    request_id: RequestId = "",
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Give one saga a signal, for which its code waits or will wait."""

    async def typed(channel: grpc.aio.Channel, saga: saga_pb2.Saga) -> AnyMessage:
        awaited = (each.message_type for each in saga.waiting if each.signal == name)
        kind = message_type or next(awaited, "")
        if not kind:
            refuse(f"the saga does not wait for the signal {name!r} now; name the type of its message: --type <name>")
        return await message_from_json(channel, kind, message, "--input")

    asyncio.run(_give(saga_id, name, typed, request_id, address))


def approve(
    saga_id: SagaId,
    reason: Why = "",
    name: Approval = _APPROVAL,
    request_id: RequestId = "",
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Say yes to one saga that waits for an approval."""
    request = api.DecideSagaRequest(saga_id=saga_id, name=name, approved=True, reason=reason, request_id=request_id)
    asyncio.run(_decide(request, address))


def reject(
    saga_id: SagaId,
    reason: Why = "",
    name: Approval = _APPROVAL,
    request_id: RequestId = "",
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Say no to one saga that waits for an approval."""
    request = api.DecideSagaRequest(saga_id=saga_id, name=name, approved=False, reason=reason, request_id=request_id)
    asyncio.run(_decide(request, address))


async def _decide(request: api.DecideSagaRequest, address: str) -> None:
    request.request_id = request.request_id or str(uuid.uuid4())
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        request.saga_id = await whole_id(service, request.saga_id)
        answer = await service.DecideSaga(request, timeout=PATIENCE_SECONDS)
        if wants_json():
            await Documents(channel).print(answer)
            return
    open_console().print(saga_page(answer.saga))


async def _give(saga_id: str, name: str, message: Message, request_id: str, address: str) -> None:
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        request = api.GetSagaRequest(saga_id=await whole_id(service, saga_id))
        saga = (await service.GetSaga(request, timeout=PATIENCE_SECONDS)).saga
        answer = await service.SignalSaga(
            api.SignalSagaRequest(
                saga_id=saga.saga_id,
                name=name,
                message=await message(channel, saga),
                request_id=request_id or str(uuid.uuid4()),
            ),
            timeout=PATIENCE_SECONDS,
        )
        if wants_json():
            await Documents(channel).print(answer)
            return
    open_console().print(saga_page(answer.saga))
