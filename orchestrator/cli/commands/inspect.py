"""``orchestrator list``, ``show``, ``journal``, ``preview`` and ``stats``: nothing is changed.

These commands are clients of the operators' API, ``saga.v1.SagaService``, and see no more than its other clients.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, SagaId, by_id, channel_to, given_options
from orchestrator.cli.connecting.console_link import link_to
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
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
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.journal_page import journal_lines
from orchestrator.cli.output.operating_pages import preview_lines, statistics_page
from orchestrator.cli.output.payloads import Payloads
from orchestrator.cli.output.rendering import open_console, saga_page, sagas_table
from orchestrator.cli.output.text import say
from saga.v1 import saga_service_pb2 as api
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


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
    request = api.ListSagasRequest(page_size=limit, filter=where, oldest_first=oldest_first)
    asyncio.run(_list(request, address))


def show(saga_id: SagaId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show one saga: what it waits for, what comes next, what you can do, and every step."""
    asyncio.run(_show(saga_id, address))


def journal(saga_id: SagaId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show all that happened to one saga, with what was sent and answered."""
    asyncio.run(_journal(saga_id, address))


def preview(saga_id: SagaId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show what a rollback would compensate now, in which order, and what would stand."""
    asyncio.run(_preview(saga_id, address))


def stats(address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Count sagas by definition and status, and show which participants are down."""
    asyncio.run(_stats(address))


async def _list(request: api.ListSagasRequest, address: str) -> None:
    async with channel_to(address) as channel:
        answer = await SagaServiceStub(channel).ListSagas(request, timeout=PATIENCE_SECONDS)
        if wants_json():
            await Documents(channel).print(answer)
            return
    if not answer.sagas:
        say("no sagas")
        return
    open_console().print(sagas_table(answer.sagas))
    if answer.next_page_token:
        say(f"there are more than {request.page_size}; see --limit")


async def _show(saga_id: str, address: str) -> None:
    async with channel_to(address) as channel:
        answer = await _get(SagaServiceStub(channel), saga_id, include_guidance=True)
        if wants_json():
            await Documents(channel).print(answer)
            return
    open_console().print(saga_page(answer.saga, answer.guidance, given_options(), link_to(answer.saga.saga_id)))


async def _journal(saga_id: str, address: str) -> None:
    async with channel_to(address) as channel:
        answer = await _get(SagaServiceStub(channel), saga_id, include_journal=True)
        if wants_json():
            await Documents(channel).print(answer)
            return
        entries = answer.saga.journal
        payloads = await Payloads.known_at(channel, (entry.payload for entry in entries))
    console = open_console()
    for line in journal_lines(entries, payloads):
        console.print(line, soft_wrap=True)


async def _preview(saga_id: str, address: str) -> None:
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        answer = await by_id(service, saga_id, _asking_preview(service))
        if wants_json():
            await Documents(channel).print(answer)
            return
        payloads = await Payloads.known_at(channel, (planned.request for planned in answer.compensations))
    console = open_console()
    for line in preview_lines(answer, payloads):
        console.print(line, soft_wrap=True)


async def _stats(address: str) -> None:
    async with channel_to(address) as channel:
        answer = await SagaServiceStub(channel).GetStatistics(api.GetStatisticsRequest(), timeout=PATIENCE_SECONDS)
        if wants_json():
            await Documents(channel).print(answer)
            return
    open_console().print(statistics_page(answer))


async def _get(service: SagaServiceStub, saga_id: str, **more: bool) -> api.GetSagaResponse:
    async def ask(each: str) -> api.GetSagaResponse:
        return await service.GetSaga(api.GetSagaRequest(saga_id=each, **more), timeout=PATIENCE_SECONDS)  # type: ignore[arg-type]

    return await by_id(service, saga_id, ask)


def _asking_preview(service: SagaServiceStub) -> Callable[[str], Awaitable[api.PreviewRollbackResponse]]:
    async def ask(saga_id: str) -> api.PreviewRollbackResponse:
        return await service.PreviewRollback(api.PreviewRollbackRequest(saga_id=saga_id), timeout=PATIENCE_SECONDS)

    return ask
