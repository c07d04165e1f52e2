"""``orchestrator list``, ``show``, ``watch`` and ``cancel``: sagas from the command line.

They are clients of the operators' API, ``saga.v1.SagaService``, and can do no more than anyone else with it.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from orchestrator.cli.client import DEFAULT_ADDRESS, PATIENCE_SECONDS, Address, sagas_at
from orchestrator.cli.refusal import refuse
from orchestrator.cli.rendering import changes, open_console, saga_page, sagas_table, status_text
from saga.v1.saga_pb2 import Saga, Status
from saga.v1.saga_service_pb2 import (
    CancelSagaRequest,
    GetSagaRequest,
    ListSagasRequest,
    SagaFilter,
    WatchSagaRequest,
)

SagaId = Annotated[str, typer.Argument(help="The saga's identity; of an order, the order id.", show_default=False)]


class StatusName(StrEnum):
    """The statuses as they are typed."""

    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    SUSPENDED = "suspended"
    PARTIALLY_COMPENSATED = "partially-compensated"

    @property
    def number(self) -> Status.ValueType:
        """The status that the API knows."""
        return Status.Value(f"STATUS_{self.name}")


def list_sagas(
    definition: Annotated[str, typer.Option(help="Only sagas of this definition.")] = "",
    status: Annotated[list[StatusName] | None, typer.Option(help="Only of this status; may be repeated.")] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="Only with this attribute, name=value; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 50,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """List sagas, the newest first."""
    request = ListSagasRequest(
        page_size=limit,
        filter=SagaFilter(
            definition=definition,
            statuses=[each.number for each in status or []],
            attributes=dict(map(_pair, attribute or [])),
        ),
    )
    asyncio.run(_list(request, address))


def show(saga_id: SagaId, address: Address = DEFAULT_ADDRESS) -> None:
    """Show one saga: every step, its outcome and its compensation."""
    asyncio.run(_show(saga_id, address))


def watch(saga_id: SagaId, address: Address = DEFAULT_ADDRESS) -> None:
    """Follow one saga until it has ended."""
    asyncio.run(_watch(saga_id, address))


def cancel(
    saga_id: SagaId,
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")] = "cancelled from the command line",
    by: Annotated[str, typer.Option(help="Who asks for it.")] = "operator",
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Roll one saga back; refused once its pivot was accepted."""
    asyncio.run(_cancel(CancelSagaRequest(saga_id=saga_id, reason=reason, requested_by=by), address))


async def _list(request: ListSagasRequest, address: str) -> None:
    async with sagas_at(address) as service:
        answer = await service.ListSagas(request, timeout=PATIENCE_SECONDS)
    if not answer.sagas:
        typer.echo("no sagas", err=True)
        return
    open_console().print(sagas_table(answer.sagas))
    if answer.next_page_token:
        typer.echo(f"there are more than {request.page_size}; see --limit", err=True)


async def _show(saga_id: str, address: str) -> None:
    async with sagas_at(address) as service:
        answer = await service.GetSaga(GetSagaRequest(saga_id=saga_id), timeout=PATIENCE_SECONDS)
    open_console().print(saga_page(answer.saga))


async def _watch(saga_id: str, address: str) -> None:
    console = open_console()
    seen = Saga()
    async with sagas_at(address) as service:
        stream = service.WatchSaga(WatchSagaRequest(saga_id=saga_id))
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                async for answer in stream:
                    live.update(saga_page(answer.saga), refresh=True)
            return
        async for answer in stream:
            console.print(_news(seen, answer.saga), soft_wrap=True)
            seen = answer.saga


async def _cancel(request: CancelSagaRequest, address: str) -> None:
    async with sagas_at(address) as service:
        answer = await service.CancelSaga(request, timeout=PATIENCE_SECONDS)
    open_console().print(saga_page(answer.saga))


def _news(before: Saga, after: Saga) -> RenderableType:
    lines = changes(before.steps, after.steps)
    if before.status != after.status:
        lines.append(Text.assemble("saga ", status_text(after.status)))
    return Group(*lines)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        refuse(f"--attribute {text}: expected name=value")
    return name, value
