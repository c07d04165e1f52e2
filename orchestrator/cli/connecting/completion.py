"""What a shell completes: the ids of sagas and the names of definitions, as the orchestrator tells them.

A shell asks while somebody types, so the answer comes within a second, or there is none; nothing is ever said of why.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, TypeVar

import typer  # noqa: TC002 - typer reads the annotation

from orchestrator.cli.connecting.address import address_in
from orchestrator.cli.connecting.certificates import tls_for
from orchestrator.cli.connecting.credentials import token_for
from orchestrator.cli.output.form import silent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import grpc.aio

T = TypeVar("T")

_PATIENCE_SECONDS: Final = 1.0
_MOST: Final = 30


def definition_names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The names of definitions that begin so, each with what its code says of it."""
    from saga.v1.definition_service_pb2 import ListDefinitionsRequest  # noqa: PLC0415 - only a shell asks
    from saga.v1.definition_service_pb2_grpc import DefinitionServiceStub  # noqa: PLC0415 - as above

    async def ask(channel: grpc.aio.Channel) -> list[tuple[str, str]]:
        answer = await DefinitionServiceStub(channel).ListDefinitions(ListDefinitionsRequest())
        newest = {each.name: each.summary for each in answer.definitions if each.name.startswith(incomplete)}
        return list(newest.items())

    return _asked(context, ask, [])


def saga_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The ids of the newest sagas that begin so, each with its definition and its status."""
    from saga.v1.saga_pb2 import Status  # noqa: PLC0415 - only a shell asks
    from saga.v1.saga_service_pb2 import ListSagasRequest, SagaFilter  # noqa: PLC0415 - as above
    from saga.v1.saga_service_pb2_grpc import SagaServiceStub  # noqa: PLC0415 - as above

    async def ask(channel: grpc.aio.Channel) -> list[tuple[str, str]]:
        request = ListSagasRequest(page_size=_MOST, filter=SagaFilter(id_prefix=incomplete))
        answer = await SagaServiceStub(channel).ListSagas(request)
        words = {number: name.removeprefix("STATUS_").lower() for name, number in Status.items()}
        return [(each.saga_id, f"{each.definition}, {words.get(each.status, '')}") for each in answer.sagas]

    return _asked(context, ask, [])


def _asked(context: typer.Context, ask: Callable[[grpc.aio.Channel], Awaitable[T]], otherwise: T) -> T:
    """What an orchestrator answers in time; the one whose address was typed, or that the environment names."""
    from orchestrator.channels.grpc.bearer import with_token  # noqa: PLC0415 - only a shell asks
    from orchestrator.channels.grpc.credentials import open_channel  # noqa: PLC0415 - as above

    async def within_patience(address: str) -> T:
        opened = open_channel(address, (), with_token(token_for(address)), tls_for(address))
        async with asyncio.timeout(_PATIENCE_SECONDS), opened as channel:
            return await ask(channel)

    with silent(), contextlib.suppress(Exception):
        return asyncio.run(within_patience(address_in(context)))
    return otherwise
