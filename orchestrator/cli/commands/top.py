"""``orchestrator top``: how things are at this moment, again and again.

It is a client of the operators' API, and sees no more than its other clients.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import grpc.aio
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from orchestrator.cli.causes import suspended_groups
from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, channel_to, why_failed
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.filters import ANY_WAIT
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.instants import now
from orchestrator.cli.output.overview_page import Look, overview_page
from orchestrator.cli.output.rendering import open_console
from saga.v1.figures_service_pb2 import FIGURE_STEP_MINUTE, GetFiguresRequest
from saga.v1.figures_service_pb2_grpc import FiguresServiceStub
from saga.v1.saga_service_pb2 import GetStatisticsRequest, ListSagasRequest, SagaFilter
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.cli.output.terminal import Terminal

_MOST_WAITING: Final = 200
_WINDOW: Final = timedelta(minutes=5)
"""For so long back it is counted what started and ended."""


def top(
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2)] = 2.0,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Show how things are: what needs a person, counts, rate, participants, the oldest that wait; until Ctrl-C.

    Without a terminal, it looks once.
    """
    asyncio.run(_top(every, address, once=once))


async def _top(every: float, address: str, *, once: bool) -> None:
    console = open_console()
    async with channel_to(address) as channel:
        look = await _look(channel)
        if wants_json():
            print_json(await _as_json(Documents(channel), look))
        elif once or not console.is_terminal:
            console.print(overview_page(look))
        else:
            await _repeat(channel, console, look, every, address)


async def _repeat(channel: grpc.aio.Channel, console: Terminal, look: Look, every: float, address: str) -> None:
    """Look again and again; while no orchestrator answers, say so above what was seen last."""
    console.repaints = True
    with Live(overview_page(look), console=console, screen=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(every)
            try:
                look = await _look(channel)
            except grpc.aio.AioRpcError as error:
                live.update(_with_failure(overview_page(look), error, address), refresh=True)
            else:
                live.update(overview_page(look), refresh=True)


def _with_failure(page: RenderableType, error: grpc.aio.AioRpcError, address: str) -> RenderableType:
    why, _ = why_failed(error, address)
    return Group(Text(f"what is below is old: {why}", style="bold red"), Text(), page)


async def _look(channel: grpc.aio.Channel) -> Look:
    service, at = SagaServiceStub(channel), now()
    waiting = ListSagasRequest(page_size=_MOST_WAITING, filter=SagaFilter(waiting_for=ANY_WAIT))
    window = GetFiguresRequest(step=FIGURE_STEP_MINUTE)
    window.since.FromDatetime(at - _WINDOW)
    return Look(
        at,
        await service.GetStatistics(GetStatisticsRequest(), timeout=PATIENCE_SECONDS),
        await FiguresServiceStub(channel).GetFigures(window, timeout=PATIENCE_SECONDS),
        await suspended_groups(channel),
        (await service.ListSagas(waiting, timeout=PATIENCE_SECONDS)).sagas,
    )


async def _as_json(documents: Documents, look: Look) -> dict[str, object]:
    return {
        "at": look.at.isoformat(),
        "statistics": await documents.of(look.statistics),
        "figures": await documents.of(look.figures),
        "suspended_groups": [await documents.of(each) for each in look.groups],
        "waiting": [await documents.of(each) for each in look.waiting],
    }
