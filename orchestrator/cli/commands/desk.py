"""``orchestrator desk``: what waits for a person, which decisions there are, and what participants have given up.

It is a client of the operators' API, and sees no more than its other clients.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from orchestrator.cli.causes import causes_at
from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, channel_to, given_options
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.filters import OfDefinition  # noqa: TC001 - as above
from orchestrator.cli.output.dead_command_pages import dead_command_lines
from orchestrator.cli.output.desk_page import cause_lines
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.rendering import open_console
from orchestrator.cli.output.text import say
from orchestrator.contract.wording import counted
from saga.v1.figures_service_pb2 import ListDeadCommandsRequest, ListDeadCommandsResponse
from saga.v1.figures_service_pb2_grpc import FiguresServiceStub
from saga.v1.saga_service_pb2 import GetSagaRequest, ListSagasRequest, SagaFilter
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc.aio

    from orchestrator.cli.output.desk_page import Cause
    from saga.v1.guidance_pb2 import Guidance

_LETTERS: Final = 5


def desk(definition: OfDefinition = "", address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show what waits for a person, by its cause, the oldest first, with the decisions as commands to paste.

    Below stand the commands that participants have given up, of all definitions: how many, the latest, and what has
    them forgotten.
    """
    asyncio.run(_desk(definition, address))


async def _desk(definition: str, address: str) -> None:
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        # It refuses a definition of which there is no saga.
        known = ListSagasRequest(page_size=1, filter=SagaFilter(definition=definition))
        await service.ListSagas(known, timeout=PATIENCE_SECONDS)
        causes = await causes_at(channel, definition)
        told = [await _guidance(service, each.sagas[0].saga_id) for each in causes]
        dead = await _dead_commands(channel, definition)
        if wants_json():
            documents = Documents(channel)
            shown = [await _as_json(documents, *each) for each in zip(causes, told, strict=True)]
            print_json({"causes": shown, "dead_commands": await documents.of(dead)})
            return
    _show(causes, told)
    _show_dead(dead)


async def _guidance(service: SagaServiceStub, saga_id: str) -> Guidance:
    request = GetSagaRequest(saga_id=saga_id, include_guidance=True)
    return (await service.GetSaga(request, timeout=PATIENCE_SECONDS)).guidance


async def _dead_commands(channel: grpc.aio.Channel, definition: str) -> ListDeadCommandsResponse:
    """What participants have given up: none where a definition is named, for no message says of which one it is."""
    if definition:
        return ListDeadCommandsResponse()
    request = ListDeadCommandsRequest(limit=_LETTERS)
    return await FiguresServiceStub(channel).ListDeadCommands(request, timeout=PATIENCE_SECONDS)


async def _as_json(documents: Documents, cause: Cause, guidance: Guidance) -> dict[str, Any]:
    return {
        "group": await documents.of(cause.group),
        "sagas": [await documents.of(each) for each in cause.sagas],
        "guidance": await documents.of(guidance),
    }


def _show(causes: Sequence[Cause], told: Sequence[Guidance]) -> None:
    if not causes:
        say("nothing waits for a person")
        return
    console = open_console()
    sagas = sum(each.group.count for each in causes)
    waits = "waits" if sagas == 1 else "wait"
    console.print(Text(f"{counted(sagas, 'saga')} {waits} for a person, {counted(len(causes), 'cause')}"))
    for cause, guidance in zip(causes, told, strict=True):
        console.print()
        for line in cause_lines(cause, guidance, given_options()):
            console.print(line)


def _show_dead(dead: ListDeadCommandsResponse) -> None:
    if not dead.counts and not dead.unread:
        return
    console = open_console()
    console.print()
    for line in dead_command_lines(dead, given_options()):
        console.print(line)
