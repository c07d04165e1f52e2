"""Asks an orchestrator for a bulk act, and follows it until nothing more happens of it by itself.

Each function returns the bulk act as it is then. The orchestrator goes on without the one that asks, if that ends.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.text import Text

from orchestrator.cli.connecting.client import PATIENCE_SECONDS, channel_to
from orchestrator.cli.output.bulk_pages import progress_line
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.rendering import open_console
from saga.v1 import bulk_pb2
from saga.v1 import bulk_service_pb2 as api
from saga.v1.bulk_service_pb2_grpc import BulkActServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_PREPARING_SECONDS: Final = 300.0
"""How long it may take to find all sagas that match."""


async def prepare(request: api.PrepareBulkActRequest, address: str) -> bulk_pb2.BulkAct:
    """Find all sagas that match, and what each of them would answer."""
    async with bulk_acts_at(address) as service:
        prepared = (await service.PrepareBulkAct(request, timeout=_PREPARING_SECONDS)).bulk_act
        return await _follow(service, prepared.bulk_act_id)


async def start(bulk_id: str, reason: str, address: str) -> bulk_pb2.BulkAct:
    """Start a prepared one; as it is when it is over."""
    async with bulk_acts_at(address) as service:
        request = api.StartBulkActRequest(bulk_act_id=bulk_id, reason=reason)
        await service.StartBulkAct(request, timeout=PATIENCE_SECONDS)
        return await _follow(service, bulk_id)


async def stop(bulk_id: str, address: str) -> bulk_pb2.BulkAct:
    """Begin nothing more of one; as it is when what was begun is done."""
    async with bulk_acts_at(address) as service:
        await service.StopBulkAct(api.StopBulkActRequest(bulk_act_id=bulk_id), timeout=PATIENCE_SECONDS)
        return await _follow(service, bulk_id)


async def watch(bulk_id: str, address: str) -> bulk_pb2.BulkAct:
    """Wait until one is prepared, or over."""
    async with bulk_acts_at(address) as service:
        return await _follow(service, bulk_id)


async def _follow(service: BulkActServiceStub, bulk_id: str) -> bulk_pb2.BulkAct:
    """A bulk act once nothing more happens by itself; until then, a terminal shows how far it has come."""
    latest = bulk_pb2.BulkAct(bulk_act_id=bulk_id)
    with _shown_live() as live:
        async for answer in service.WatchBulkAct(api.WatchBulkActRequest(bulk_act_id=bulk_id)):
            latest = answer.bulk_act
            if live is not None:
                live.update(progress_line(latest), refresh=True)
    return latest


@contextlib.contextmanager
def _shown_live() -> Iterator[Live | None]:
    console = open_console()
    if wants_json() or not console.is_terminal:
        yield None
        return
    with Live(Text(""), console=console, auto_refresh=False, transient=True) as live:
        yield live


@contextlib.asynccontextmanager
async def bulk_acts_at(address: str) -> AsyncIterator[BulkActServiceStub]:
    """The service of the orchestrator there."""
    async with channel_to(address) as channel:
        yield BulkActServiceStub(channel)
