"""``orchestrator watch`` and ``feed``: what happens to one saga, and to all of them, while it happens.

These commands are clients of the operators' API, ``saga.v1.SagaService``, and see no more than its other clients.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import grpc.aio
import typer
from rich.live import Live
from rich.text import Text

from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.client import SagaId, channel_to, given_options, whole_id
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.endings import end_code
from orchestrator.cli.filters import OfDefinition, OfStatus, WithAttribute, saga_filter
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.guidance_page import pasted
from orchestrator.cli.output.operating_pages import feed_line
from orchestrator.cli.output.rendering import changes, open_console, saga_page, status_text
from orchestrator.cli.output.text import say
from saga.v1.saga_pb2 import STATUS_SUSPENDED, Saga
from saga.v1.saga_service_pb2 import WatchSagaRequest, WatchSagasRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import RenderableType

    from orchestrator.cli.output.terminal import Terminal

_REPAINTS_PER_SECOND: Final = 1
_PATIENCE_SECONDS: Final = 60.0
"""How long an orchestrator is waited for that went away."""
_AGAIN_SECONDS: Final = 0.5


def watch(saga_id: SagaId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Follow one saga until it has ended. The exit code says how: 0 for completed, 3 for compensated."""
    try:
        ended = asyncio.run(_watch(saga_id, address))
    except KeyboardInterrupt:
        say(f"the saga goes on; see: {pasted(f'orchestrator show {saga_id}', given_options())}")
        raise
    raise typer.Exit(end_code(ended.status))


def feed(
    definition: OfDefinition = "",
    status: OfStatus = None,
    attribute: WithAttribute = None,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Follow all sagas, a line for each change, until Ctrl-C."""
    asyncio.run(_feed(WatchSagasRequest(filter=saga_filter(definition, status, attribute)), address))


async def _watch(saga_id: str, address: str) -> Saga:
    """Follow a saga; as it stood last."""
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        sagas = watched(service, await whole_id(service, saga_id))
        console = open_console()
        if wants_json():
            documents = Documents(channel)
            async for saga in sagas:
                await documents.print_line(saga)
            return saga
        if console.is_terminal:
            return await follow_live(sagas, console)
        return await follow_plainly(sagas, console)


async def watched(service: SagaServiceStub, saga_id: str) -> AsyncIterator[Saga]:
    """A saga after each of its changes, until it has ended, also over a restart of the orchestrator.

    Raises:
        grpc.aio.AioRpcError: it cannot be watched; or no orchestrator was there for a minute.
    """
    clock = asyncio.get_running_loop().time
    seen_at, told = clock(), False
    while True:
        try:
            async for answer in service.WatchSaga(WatchSagaRequest(saga_id=saga_id)):
                seen_at, told = clock(), False
                yield answer.saga
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or clock() - seen_at > _PATIENCE_SECONDS:
                raise
            if not told:
                say("the orchestrator went away; this goes on when it is back")
                told = True
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return


class _Page:
    """The page of a saga, which is drawn anew at each repaint, because things grow older."""

    def __init__(self) -> None:
        self.saga = Saga()

    def __rich__(self) -> RenderableType:
        """See rich."""
        return saga_page(self.saga)


async def follow_live(sagas: AsyncIterator[Saga], console: Terminal) -> Saga:
    """Paint the page of a saga over and over; the saga as it stood last."""
    console.repaints = True
    page = _Page()
    with Live(page, console=console, refresh_per_second=_REPAINTS_PER_SECOND) as live:
        async for page.saga in sagas:
            live.refresh()
    return page.saga


async def follow_plainly(sagas: AsyncIterator[Saga], console: Terminal) -> Saga:
    """Print a line for each change of a saga; the saga as it stood last."""
    seen = Saga()
    async for saga in sagas:
        for line in _news(seen, saga):
            console.print(line, soft_wrap=True)
        if saga.status == STATUS_SUSPENDED != seen.status:
            say(f"it waits for a person; see: {pasted(f'orchestrator show {saga.saga_id}', given_options())}")
        seen = saga
    return seen


async def _feed(request: WatchSagasRequest, address: str) -> None:
    console = open_console()
    before = ""
    async with channel_to(address) as channel:
        documents = Documents(channel)
        async for answer in SagaServiceStub(channel).WatchSagas(request):
            if wants_json():
                await documents.print_line(answer)
                continue
            if answer.missed:
                say(f"{answer.missed} changes were missed: there are more than can be shown")
            line = feed_line(answer.saga)
            if line.plain != before:  # a step has ended, and the saga goes on
                console.print(line, soft_wrap=True)
                before = line.plain


def _news(before: Saga, after: Saga) -> list[Text]:
    lines = changes(before.steps, after.steps)
    if before.status != after.status:
        lines.append(Text.assemble("saga ", status_text(after.status)))
    return lines
