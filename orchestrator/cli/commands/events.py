"""``orchestrator events``: what sagas have told others, and how far each sink was told.

These commands are clients of ``saga.v1.EventService``, and can do no more than its other clients.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.certificates import connecting
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, channel_to
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.instants import instant_of
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.event_pages import dead_letters_table, events_table, sinks_page
from orchestrator.cli.output.exit import refuse
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.rendering import open_console
from orchestrator.cli.output.text import say
from orchestrator.cli.registration import CommandLine
from orchestrator.contract.wording import counted
from saga.v1 import event_service_pb2 as api
from saga.v1.event_service_pb2_grpc import EventServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

event_commands = CommandLine(no_args_is_help=True, help="What sagas have told others, and how far each sink was told.")

Sink = Annotated[str, typer.Argument(help="The sink's name.", show_default=False)]
Limit = Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)]


@event_commands.command("list")
@connecting
def list_events(
    saga: Annotated[str, typer.Option(help="Of this saga alone.")] = "",
    after: Annotated[int, typer.Option(help="Those after this position.", min=0)] = 0,
    limit: Limit = 50,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """List events in the order in which they are told."""
    request = api.ListEventsRequest(saga_id=saga, after=after, page_size=limit)

    def show(answer: api.ListEventsResponse) -> None:
        open_console().print(events_table(answer.events))

    _ask(address, "ListEvents", request, show)


@event_commands.command()
@connecting
def sinks(address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show who is told of events, how far, and what was done to each sink lately."""

    def show(answer: api.ListSinksResponse) -> None:
        if answer.sinks:
            open_console().print(sinks_page(answer.sinks))
        else:
            say("nobody is told of events; ORCHESTRATOR_EVENTS_SINKS says whom to tell")

    _ask(address, "ListSinks", api.ListSinksRequest(), show)


@event_commands.command("dead-letters")
@connecting
def dead_letters(
    sink: Sink, limit: Limit = 50, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None
) -> None:
    """List the events that a sink has not taken, and that were given up."""

    def show(answer: api.ListDeadLettersResponse) -> None:
        if answer.dead_letters:
            open_console().print(dead_letters_table(answer.dead_letters))
        else:
            say(f"no event for {sink} was given up")

    _ask(address, "ListDeadLetters", api.ListDeadLettersRequest(sink=sink, page_size=limit), show)


@event_commands.command()
@connecting
def replay(
    sink: Sink,
    start: Annotated[
        str,
        typer.Option("--from", help="A position, some time ago such as 2h, or an instant.", show_default=False),
    ],
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Have a sink told every event from there on once more, each with the same id."""
    request = api.ReplayEventsRequest(sink=sink)
    if start.isdecimal():
        request.position = int(start)
    elif (since := instant_of("--from", start)) is not None:
        request.since.CopyFrom(since)

    def show(answer: api.ReplayEventsResponse) -> None:
        say(f"{sink} is told everything from position {answer.position} on once more")

    _ask(address, "ReplayEvents", request, show)


@event_commands.command()
@connecting
def retry(
    sink: Sink,
    positions: Annotated[
        list[int] | None, typer.Argument(help="The positions of dead letters.", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Have dead letters of a sink tried again; the later events of their sagas were told without them."""
    if bool(positions) == every:
        refuse("name the positions of dead letters, or say --all")

    def show(answer: api.RetryDeadLettersResponse) -> None:
        say(f"{counted(answer.number, 'dead letter')} of {sink}: tried again")

    _ask(address, "RetryDeadLetters", api.RetryDeadLettersRequest(sink=sink, positions=positions or []), show)


@event_commands.command()
@connecting
def forget(sink: Sink, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Forget a sink that is in no settings any more: no event is kept for its sake."""

    def show(_answer: api.ForgetSinkResponse) -> None:
        say(f"{sink} is forgotten")

    _ask(address, "ForgetSink", api.ForgetSinkRequest(sink=sink), show)


def _ask(address: str, rpc: str, request: Message, show: Callable[[Any], None]) -> None:
    """Ask the orchestrator, and show its answer, or print it as JSON."""

    async def ask() -> None:
        async with channel_to(address) as channel:
            answer = await getattr(EventServiceStub(channel), rpc)(request, timeout=PATIENCE_SECONDS)
            if wants_json():
                await Documents(channel).print(answer)
            else:
                show(answer)

    asyncio.run(ask())
