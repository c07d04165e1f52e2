"""``orchestrator list``, ``show``, ``watch``, ``feed``, ``journal``, ``preview`` and ``stats``: nothing is changed.

These commands are clients of the operators' API, ``saga.v1.SagaService``, and see no more than its other clients.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from orchestrator.cli.client import (
    DEFAULT_ADDRESS,
    PATIENCE_SECONDS,
    Address,
    SagaId,
    by_id,
    channel_to,
    sagas_at,
    whole_id,
)
from orchestrator.cli.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.filters import (
    BackingOff,
    EndedAfter,
    EndedBefore,
    FailedCommand,
    MoreCriteria,
    OfDefinition,
    OfStatus,
    OfVersion,
    ReasonCode,
    ReasonText,
    StartedAfter,
    StartedBefore,
    WaitingFor,
    WithAttribute,
    saga_filter,
)
from orchestrator.cli.output.journal_page import journal_lines
from orchestrator.cli.output.operating_pages import feed_line, preview_lines, statistics_page
from orchestrator.cli.output.payloads import Payloads
from orchestrator.cli.output.rendering import changes, open_console, saga_page, sagas_table, status_text
from orchestrator.cli.output.text import say
from saga.v1.saga_pb2 import Saga
from saga.v1.saga_service_pb2 import (
    GetSagaRequest,
    GetStatisticsRequest,
    ListSagasRequest,
    PreviewRollbackRequest,
    WatchSagaRequest,
    WatchSagasRequest,
)
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from rich.console import RenderableType

    from saga.v1.saga_service_pb2 import GetSagaResponse, PreviewRollbackResponse


def list_sagas(
    definition: OfDefinition = "",
    status: OfStatus = None,
    attribute: WithAttribute = None,
    *,
    backing_off: BackingOff = False,
    waiting_for: WaitingFor = None,
    version: OfVersion = None,
    failed_command: FailedCommand = "",
    reason_code: ReasonCode = "",
    reason: ReasonText = "",
    started_after: StartedAfter = "",
    started_before: StartedBefore = "",
    ended_after: EndedAfter = "",
    ended_before: EndedBefore = "",
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="List the oldest first.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 50,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """List sagas, the newest first."""
    times = started_after, started_before, ended_after, ended_before
    more = MoreCriteria(version, *times, failed_command, reason_code, reason)
    where = saga_filter(definition, status, attribute, backing_off=backing_off, waiting_for=waiting_for, more=more)
    request = ListSagasRequest(page_size=limit, filter=where, oldest_first=oldest_first)
    asyncio.run(_list(request, address))


def show(saga_id: SagaId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show one saga: every step, its outcome and its compensation."""
    asyncio.run(_show(saga_id, address))


def watch(saga_id: SagaId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Follow one saga until it has ended."""
    asyncio.run(_watch(saga_id, address))


def feed(
    definition: OfDefinition = "",
    status: OfStatus = None,
    attribute: WithAttribute = None,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Follow all sagas that one replica advances, a line for each change, until Ctrl-C."""
    asyncio.run(_feed(WatchSagasRequest(filter=saga_filter(definition, status, attribute)), address))


def journal(saga_id: SagaId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show all that happened to one saga, with what was sent and answered."""
    asyncio.run(_journal(saga_id, address))


def preview(saga_id: SagaId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show what a rollback would compensate now, in which order, and what would stand."""
    asyncio.run(_preview(saga_id, address))


def stats(address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Count sagas by definition and status, and show which participants are down."""
    asyncio.run(_stats(address))


async def _list(request: ListSagasRequest, address: str) -> None:
    async with sagas_at(address) as service:
        answer = await service.ListSagas(request, timeout=PATIENCE_SECONDS)
    if not answer.sagas:
        say("no sagas")
        return
    open_console().print(sagas_table(answer.sagas))
    if answer.next_page_token:
        say(f"there are more than {request.page_size}; see --limit")


async def _show(saga_id: str, address: str) -> None:
    async with sagas_at(address) as service:
        answer = await by_id(service, saga_id, lambda each: _get(service, each))
    open_console().print(saga_page(answer.saga))


async def _watch(saga_id: str, address: str) -> None:
    console = open_console()
    seen = Saga()
    async with sagas_at(address) as service:
        stream = service.WatchSaga(WatchSagaRequest(saga_id=await whole_id(service, saga_id)))
        if console.is_terminal:
            console.repaints = True
            with Live(console=console, auto_refresh=False) as live:
                async for answer in stream:
                    live.update(saga_page(answer.saga), refresh=True)
            return
        async for answer in stream:
            console.print(_news(seen, answer.saga), soft_wrap=True)
            seen = answer.saga


async def _feed(request: WatchSagasRequest, address: str) -> None:
    console = open_console()
    before = ""
    async with sagas_at(address) as service:
        async for answer in service.WatchSagas(request):
            if answer.missed:
                typer.echo(f"{answer.missed} changes were missed: there are more than can be shown", err=True)
            line = feed_line(answer.saga)
            if line.plain != before:  # a step has ended, and the saga goes on
                console.print(line, soft_wrap=True)
                before = line.plain


async def _journal(saga_id: str, address: str) -> None:
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        answer = await by_id(service, saga_id, lambda each: _get(service, each, include_journal=True))
        entries = answer.saga.journal
        payloads = await Payloads.known_at(channel, (entry.payload for entry in entries))
    console = open_console()
    for line in journal_lines(entries, payloads):
        console.print(line, soft_wrap=True)


async def _preview(saga_id: str, address: str) -> None:
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        answer = await by_id(service, saga_id, lambda each: _preview_of(service, each))
        payloads = await Payloads.known_at(channel, (planned.request for planned in answer.compensations))
    console = open_console()
    for line in preview_lines(answer, payloads):
        console.print(line, soft_wrap=True)


async def _get(service: SagaServiceStub, saga_id: str, *, include_journal: bool = False) -> GetSagaResponse:
    request = GetSagaRequest(saga_id=saga_id, include_journal=include_journal)
    return await service.GetSaga(request, timeout=PATIENCE_SECONDS)


async def _preview_of(service: SagaServiceStub, saga_id: str) -> PreviewRollbackResponse:
    return await service.PreviewRollback(PreviewRollbackRequest(saga_id=saga_id), timeout=PATIENCE_SECONDS)


async def _stats(address: str) -> None:
    async with sagas_at(address) as service:
        answer = await service.GetStatistics(GetStatisticsRequest(), timeout=PATIENCE_SECONDS)
    open_console().print(statistics_page(answer))


def _news(before: Saga, after: Saga) -> RenderableType:
    lines = changes(before.steps, after.steps)
    if before.status != after.status:
        lines.append(Text.assemble("saga ", status_text(after.status)))
    return Group(*lines)
