"""``orchestrator dead-commands``: what participants over a queue have given up, and forgetting what is dealt with.

These commands are clients of ``saga.v1.FiguresService``, and can do no more than its other clients.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.certificates import connecting
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, channel_to, given_options
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.instants import instant_of
from orchestrator.cli.output.dead_command_pages import dead_commands_page
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.exit import refuse
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.rendering import open_console
from orchestrator.cli.output.text import say
from orchestrator.cli.registration import CommandLine
from orchestrator.contract.wording import counted
from saga.v1 import figures_service_pb2 as api
from saga.v1.figures_service_pb2_grpc import FiguresServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

dead_command_commands = CommandLine(
    no_args_is_help=True, help="What participants over a queue have given up, and forgetting what is dealt with."
)


@dead_command_commands.command("list")
@connecting
def list_dead_commands(
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100)] = 20,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """List the commands that were given up, the latest first, and for each participant how to forget its own."""

    def show(answer: api.ListDeadCommandsResponse) -> None:
        if answer.counts or answer.unread:
            open_console().print(dead_commands_page(answer, given_options()))
        else:
            say("no participant has given up a command")

    _ask(address, "ListDeadCommands", api.ListDeadCommandsRequest(limit=limit), show)


@dead_command_commands.command()
@connecting
def forget(
    service: Annotated[
        str, typer.Argument(help="The full name of the participant that gave them up.", show_default=False)
    ],
    identity: Annotated[str, typer.Argument(metavar="ID", help="The one with this id.", show_default=False)] = "",
    *,
    until: Annotated[
        str, typer.Option(help="All that it gave up until then: an instant, as `list` tells it, or 2h for 2 hours ago.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why, in a sentence.", show_default=False)],
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Forget commands that somebody has dealt with: they are counted and listed no more.

    No saga changes, and nothing is sent. What is given up later stays. The orchestrator's log keeps who did it and why.
    """
    if bool(identity) == bool(until):
        refuse("name the id of one command, or say --until when they were given up")
    request = api.ForgetDeadCommandsRequest(service=service, reason=reason)
    if identity:
        request.id = identity
    else:
        request.until.CopyFrom(_exactly(until))

    def show(answer: api.ForgetDeadCommandsResponse) -> None:
        say(f"{counted(answer.number, 'command')} that {service} had given up: forgotten")

    _ask(address, "ForgetDeadCommands", request, show)


def _exactly(text: str) -> Timestamp:
    """The instant that is typed; to the nanosecond, where it is told so: the last one counted is to go, too."""
    instant = Timestamp()
    try:
        instant.FromJsonString(text)
    except ValueError:
        return instant_of("--until", text) or instant
    return instant


def _ask(address: str, rpc: str, request: Message, show: Callable[[Any], None]) -> None:
    """Ask the orchestrator, and show its answer, or print it as JSON."""

    async def ask() -> None:
        async with channel_to(address) as channel:
            answer = await getattr(FiguresServiceStub(channel), rpc)(request, timeout=PATIENCE_SECONDS)
            if wants_json():
                await Documents(channel).print(answer)
            else:
                show(answer)

    asyncio.run(ask())
