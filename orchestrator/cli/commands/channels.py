"""``orchestrator channels``: makes what the channels to participants need at a broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say
from orchestrator.cli.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.registration import CommandGroup, CommandLine
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.channels.nats.provisioning import Found, Wanted
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.settings import Settings

channel_commands = CommandLine(
    cls=CommandGroup, help="Make what the channels to participants need.", no_args_is_help=True
)


@channel_commands.command("create")
def create(
    sagas: Annotated[
        list[str] | None,
        typer.Option(
            help="A module with sagas, whose participants are reached; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"
        ),
    ] = None,
    overlay: OverlayOption = None,
    participant: Annotated[
        list[str] | None,
        typer.Option(help="full.service.Name=nats://host/prefix; may be repeated.  \\[env: ORCHESTRATOR_PARTICIPANTS]"),
    ] = None,
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
    from orchestrator.cli.modules import load_definitions  # noqa: PLC0415 - other commands do without
    from orchestrator.settings import read_settings  # noqa: PLC0415 - as above

    with errors_reported():
        settings = read_settings(participants=",".join(participant) if participant else None)
        modules, overlays = sagas or settings.sagas, overlay or settings.overlays
        if not modules:
            raise SettingsError("whose participants? Name the modules with --sagas, or with ORCHESTRATOR_SAGAS")
        made = asyncio.run(_made(settings, load_definitions(modules, overlays), replicas))
    _tell(made)
    if any(found.refusal for _, found in made):
        raise typer.Exit(1)


async def _made(
    settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]], replicas: int
) -> list[tuple[Wanted, Found]]:
    from orchestrator.channels.nats.provisioning import make, wanted  # noqa: PLC0415 - as above
    from orchestrator.cli.participants import channels_over_nats  # noqa: PLC0415 - as above

    async with channels_over_nats(settings, definitions) as channels:
        return [(each, await make(each)) for each in wanted(channels, settings.nats_group, replicas)]


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
