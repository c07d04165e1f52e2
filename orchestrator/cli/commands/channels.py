"""``orchestrator channels``: makes what the channels to participants need at a broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say, visible
from orchestrator.cli.registration import CommandGroup, CommandLine
from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.channels.nats.provisioning import Found, Wanted
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.ports.dead_commands import DeadCommand
    from orchestrator.settings import Settings

channel_commands = CommandLine(
    cls=CommandGroup, help="Make what the channels to participants need.", no_args_is_help=True
)


SagasOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A module with sagas, whose participants are reached; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"
    ),
]
ParticipantOption = Annotated[
    list[str] | None,
    typer.Option(help="full.service.Name=nats://host/prefix; may be repeated.  \\[env: ORCHESTRATOR_PARTICIPANTS]"),
]


@channel_commands.command("create")
def create(
    sagas: SagasOption = None,
    overlay: OverlayOption = None,
    participant: ParticipantOption = None,
    replicas: Annotated[
        int, typer.Option(help="On how many servers of a NATS cluster each message is kept.", min=1, max=5)
    ] = 1,
) -> None:
    """Make the streams and consumers by which participants are reached over NATS; what is there stays.

    It can be repeated, also while everything runs: what differs is changed, and nothing is deleted.

    Exit codes:
    - 0: all is there now.
    - 1: something could not be made.
    """
    with errors_reported():
        settings, definitions = _read(sagas, overlay, participant)
        made = asyncio.run(_made(settings, definitions, replicas))
    _tell(made)
    if any(found.refusal for _, found in made):
        raise typer.Exit(1)


@channel_commands.command("dead-letters")
def dead_letters(
    sagas: SagasOption = None,
    overlay: OverlayOption = None,
    participant: ParticipantOption = None,
    most: Annotated[int, typer.Option("--limit", help="How many at most.", min=1, max=1000)] = 50,
) -> None:
    """Show the commands that participants have given up, the latest first, each with its error and its saga.

    A participant gives up a command that it cannot read, or that was delivered again and again without an answer. Its
    saga was told that its outcome is unknown.
    """
    with errors_reported():
        settings, definitions = _read(sagas, overlay, participant)
        try:
            letters = asyncio.run(_given_up(settings, definitions, most))
        except (BrokerUnavailableError, BrokerRefusedError) as error:
            raise SettingsError(f"the dead letters cannot be read: {error}") from None
    if wants_json():
        print_json([{**each._asdict(), "at": _written(each.at)} for each in letters])
        return
    if not letters:
        say("no participant has given up a command")
    for each in letters:
        typer.echo(visible(f"{_written(each.at)}  {each.command} of saga {each.saga_id or '?'}: {each.error}"))


def _read(
    sagas: list[str] | None, overlay: list[Path] | None, participant: list[str] | None
) -> tuple[Settings, Sequence[SagaDefinition[Any, Any, Any]]]:
    from orchestrator.cli.loading.modules import load_definitions  # noqa: PLC0415 - other commands do without
    from orchestrator.settings import read_settings  # noqa: PLC0415 - as above

    settings = read_settings(participants=",".join(participant) if participant else None)
    modules, overlays = sagas or settings.sagas, overlay or settings.overlays
    if not modules:
        raise SettingsError("whose participants? Name the modules with --sagas, or with ORCHESTRATOR_SAGAS")
    return settings, load_definitions(modules, overlays)


def _written(instant: int) -> str:
    """An instant, RFC 3339, to the nanosecond."""
    at = Timestamp()
    at.FromNanoseconds(instant)
    return at.ToJsonString()


async def _given_up(
    settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]], most: int
) -> list[DeadCommand]:
    from orchestrator.channels.nats.dead_letters import given_up  # noqa: PLC0415 - as above
    from orchestrator.cli.participants import channels_over_nats  # noqa: PLC0415 - as above

    async with channels_over_nats(settings, definitions) as channels:
        return await given_up(channels, most)


async def _made(
    settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]], replicas: int
) -> list[tuple[Wanted, Found]]:
    from orchestrator.channels.nats.provisioning import make, wanted  # noqa: PLC0415 - as above
    from orchestrator.cli.participants import channels_over_nats  # noqa: PLC0415 - as above

    async with channels_over_nats(settings, definitions) as channels:
        made: list[tuple[Wanted, Found]] = []
        for each in wanted(channels, settings.nats_group, replicas):
            made.append((each, await make(each)))
            if made[-1][1].is_away:
                break  # nor will it make the others
        return made


def _tell(made: list[tuple[Wanted, Found]]) -> None:
    if wants_json():
        print_json([{"what": str(each), "became": _became(found)} for each, found in made])
        return
    if not made:
        say("no participant is reached over NATS: nothing is needed")
    for each, found in made:
        typer.echo(f"{each}: {_became(found)}")


def _became(found: Found) -> str:
    if found.refusal:
        return f"refused: {found.refusal}"
    if not found.changed:
        return "as it was"
    return f"changed ({'; '.join(found.differs)})" if found.is_there else "made"
