"""``orchestrator top``: how things are at this moment, again and again.

It is a client of the operators' API, ``saga.v1.SagaService``, and sees no more than its other clients. The rate is what
has changed between two looks.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Final

import grpc.aio
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from orchestrator.cli.causes import causes_of, suspended_sagas
from orchestrator.cli.client import DEFAULT_ADDRESS, PATIENCE_SECONDS, Address, channel_to, why_failed
from orchestrator.cli.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.filters import ANY_WAIT
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.overview_page import Look, overview_page, rates_between
from orchestrator.cli.output.rendering import open_console
from saga.v1.saga_service_pb2 import GetStatisticsRequest, ListSagasRequest, SagaFilter
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.cli.output.terminal import Terminal

_MOST_WAITING: Final = 200
_FIRST_SPAN_SECONDS: Final = 1.0
"""Between the first two looks; there is no rate before."""


def top(
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2)] = 2.0,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Show how things are: what needs a person, counts, rate, participants, the oldest that wait; until Ctrl-C."""
    asyncio.run(_top(every, address, once=once))


async def _top(every: float, address: str, *, once: bool) -> None:
    console = open_console()
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        before = await _look(service)
        await asyncio.sleep(_FIRST_SPAN_SECONDS)
        look = await _look(service)
        if wants_json():
            print_json(await _as_json(Documents(channel), before, look))
        elif once or not console.is_terminal:
            console.print(overview_page(before, look))
        else:
            await _repeat(service, console, (before, look), every, address)


async def _repeat(
    service: SagaServiceStub, console: Terminal, looks: tuple[Look, Look], every: float, address: str
) -> None:
    """Look again and again; while no orchestrator answers, say so beneath what was seen last."""
    console.repaints = True
    before, look = looks
    with Live(overview_page(before, look), console=console, screen=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(every)
            try:
                before, look = look, await _look(service)
            except grpc.aio.AioRpcError as error:
                live.update(_with_failure(overview_page(before, look), error, address), refresh=True)
            else:
                live.update(overview_page(before, look), refresh=True)


def _with_failure(page: RenderableType, error: grpc.aio.AioRpcError, address: str) -> RenderableType:
    why, _ = why_failed(error, address)
    return Group(Text(f"what is below is old: {why}", style="bold red"), Text(), page)


async def _look(service: SagaServiceStub) -> Look:
    waiting = ListSagasRequest(page_size=_MOST_WAITING, filter=SagaFilter(waiting_for=ANY_WAIT))
    statistics = await service.GetStatistics(GetStatisticsRequest(), timeout=PATIENCE_SECONDS)
    causes = causes_of(await suspended_sagas(service))
    waits = (await service.ListSagas(waiting, timeout=PATIENCE_SECONDS)).sagas
    return Look(time.monotonic(), statistics, causes, waits)


async def _as_json(documents: Documents, before: Look, look: Look) -> dict[str, object]:
    rates = rates_between(before, look)
    return {
        "statistics": await documents.of(look.statistics),
        "started_per_second": rates.started,
        "ended_per_second": rates.ended,
        "causes": [
            {
                "definition": each.definition,
                "code": each.code,
                "step": each.step,
                "saga_ids": [saga.saga_id for saga in each.sagas],
            }
            for each in look.causes
        ],
        "waiting": [await documents.of(each) for each in look.waiting],
    }
