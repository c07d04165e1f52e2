"""``orchestrator start``: start any saga that is served, and wait for its end where that is wanted.

The input is JSON; the orchestrator tells which message a definition takes, and of which fields that consists.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, NoReturn

import grpc.aio
import typer

from orchestrator.cli.commands.follow import follow_live, follow_plainly, watched
from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, channel_to, given_options
from orchestrator.cli.connecting.completion import definition_names
from orchestrator.cli.connecting.console_link import link_to
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.endings import end_code
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.exit import refuse
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.guidance_page import pasted
from orchestrator.cli.output.payloads import input_from_json
from orchestrator.cli.output.rendering import ENDED, open_console
from orchestrator.cli.output.text import say
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as api
from saga.v1.definition_service_pb2 import Definition, ListDefinitionsRequest
from saga.v1.definition_service_pb2_grpc import DefinitionServiceStub
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

_PRIORITY: Final = "saga-priority"
_SETTLED: Final = ENDED | {saga_pb2.STATUS_SUSPENDED}
"""The statuses of sagas that go no further by themselves."""


class PriorityName(StrEnum):
    """The priorities, as they are typed."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class _Wanted(NamedTuple):
    """What is to be started, and for how long its end is waited for.

    Attributes:
        request: without the input.
        text: the input, as JSON.
        priority: how urgent it is.
        wait: whether its end is waited for.
        timeout: for how many seconds at most; ``None`` for as long as it takes.
    """

    request: api.StartSagaRequest
    text: str
    priority: PriorityName
    wait: bool
    timeout: float | None


def start(
    name: Annotated[
        str,
        typer.Argument(help="The name of the saga's definition.", show_default=False, autocompletion=definition_names),
    ],
    saga_input: Annotated[
        str,
        typer.Option(
            "--input",
            help="The saga's input as JSON; @FILE reads it from a file, and - from standard input.",
            metavar="JSON",
        ),
    ] = "{}",
    version: Annotated[int, typer.Option(help="The version of the definition; 0 for the newest.", min=0)] = 0,
    request_id: Annotated[
        str,
        typer.Option(help="A UUID that makes repeating the command safe.", show_default="a new one"),
    ] = "",
    priority: Annotated[
        PriorityName, typer.Option(help="Before or after which others it begins, where it is queued.")
    ] = PriorityName.NORMAL,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it has ended or waits for a person; the exit code says which.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(help="For how many seconds at most --wait waits.", min=0, show_default="no limit")
    ] = None,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Start one saga; its id is printed.

    With --wait, the exit code is 0 for completed, 3 for compensated, 4 for partially compensated, 5 for suspended,
    and 6 where the time is over; the saga goes on all the same.
    """
    request = api.StartSagaRequest(definition=name, version=version, request_id=request_id or str(uuid.uuid4()))
    wanted = _Wanted(request, _read(saga_input), priority, wait or timeout is not None, timeout)
    saga = asyncio.run(_start(wanted, address))
    if wanted.wait:
        raise typer.Exit(end_code(saga.status))


def _read(said: str) -> str:
    """The JSON that was typed, or that a file or standard input holds."""
    try:
        if said == "-":
            return sys.stdin.read()
        return Path(said[1:]).read_text(encoding="utf-8") if said.startswith("@") else said
    except (OSError, ValueError) as error:
        refuse(f"--input {said}: it cannot be read: {getattr(error, 'strerror', None) or error}")


async def _start(wanted: _Wanted, address: str) -> saga_pb2.Saga:
    async with channel_to(address) as channel:
        request, documents = wanted.request, Documents(channel)
        definition = await _definition(channel, request)
        request.input.CopyFrom(await input_from_json(channel, definition.input_type, wanted.text))
        saga = await _started(SagaServiceStub(channel), wanted)
        if not wants_json():
            typer.echo(saga.saga_id)
            _tell_more(saga, is_followed=wanted.wait)
        if wanted.wait:
            saga = await _waited(channel, saga, wanted.timeout)
        if wants_json():
            print_json({"saga": await documents.of(saga), "console": link_to(saga.saga_id) or None})
    return saga


async def _definition(channel: grpc.aio.Channel, request: api.StartSagaRequest) -> Definition:
    """What the orchestrator says of the definition; the newest, where no version is named."""
    answer = await DefinitionServiceStub(channel).ListDefinitions(ListDefinitionsRequest(), timeout=PATIENCE_SECONDS)
    named = [each for each in answer.definitions if each.name == request.definition]
    found = [each for each in named if request.version in {0, each.version}]
    if not found:
        _refuse_unserved(request, named or answer.definitions)
    return found[-1]


def _refuse_unserved(request: api.StartSagaRequest, served: Iterable[Definition]) -> NoReturn:
    known = ", ".join(f"{each.name} v{each.version}" for each in served) or "none"
    version = f", version {request.version}," if request.version else ""
    refuse(f"the saga {request.definition!r}{version} is not served, or not for you; there are: {known}")


async def _started(service: SagaServiceStub, wanted: _Wanted) -> saga_pb2.Saga:
    metadata = ((_PRIORITY, wanted.priority.value),)
    try:
        answer = await service.StartSaga(wanted.request, timeout=PATIENCE_SECONDS, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        # An answer of the orchestrator itself carries details, and says that nothing was started.
        if not error.trailing_metadata():
            say(f"it may have been started; to be safe, repeat this with --request-id {wanted.request.request_id}")
        raise
    return answer.saga


def _tell_more(saga: saga_pb2.Saga, *, is_followed: bool) -> None:
    if not is_followed:
        follow = pasted(f"orchestrator watch {saga.saga_id}", given_options())
        say(f"{saga.definition} v{saga.version} is started; follow it with: {follow}")
    if link := link_to(saga.saga_id):
        say(f"see it at {link}")


async def _waited(channel: grpc.aio.Channel, saga: saga_pb2.Saga, seconds: float | None) -> saga_pb2.Saga:
    """The saga once it has ended, or waits for a person, or the time is over; on the way, what happens is shown."""
    latest = saga

    async def until_settled() -> AsyncIterator[saga_pb2.Saga]:
        nonlocal latest
        async for latest in watched(SagaServiceStub(channel), saga.saga_id):
            yield latest
            if latest.status in _SETTLED:
                return

    console = open_console()
    try:
        async with asyncio.timeout(seconds):
            if wants_json():
                async for _ in until_settled():
                    pass
            elif console.is_terminal:
                await follow_live(until_settled(), console)
            else:
                await follow_plainly(until_settled(), console)
    except TimeoutError:
        see = pasted(f"orchestrator show {saga.saga_id}", given_options())
        say(f"the time is over, and the saga goes on; see: {see}")
    return latest
