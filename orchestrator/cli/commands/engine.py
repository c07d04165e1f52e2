"""``orchestrator engine``: makes a Temporal namespace ready for sagas, and replays what it holds against the code."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say, visible
from orchestrator.cli.registration import CommandLine
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.settings import Settings

EngineOption = Annotated[
    str | None, typer.Option("--engine", help="temporal://host:7233/namespace  \\[env: ORCHESTRATOR_ENGINE]")
]

engine_commands = CommandLine(no_args_is_help=True)


@engine_commands.callback()
def _engine() -> None:
    """Prepare a Temporal namespace for sagas, or replay what it holds."""


@engine_commands.command()
def prepare(engine: EngineOption = None) -> None:
    """Make the namespace, and the search attributes by which sagas are found, where they are missing.

    Repeating it changes nothing.
    """
    with errors_reported():
        made = asyncio.run(_prepare(_named(engine)))
    if wants_json():
        print_json({"made": list(made)})
        return
    say(f"made: {', '.join(made)}" if made else "everything was there already")


@engine_commands.command()
def replay(
    engine: EngineOption = None,
    sagas: Annotated[
        list[str] | None,
        typer.Option(help="A module with sagas; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"),
    ] = None,
    overlay: OverlayOption = None,
    history: Annotated[
        list[Path] | None,
        typer.Option(help="A history that was exported as JSON, in place of those of a cluster; may be repeated."),
    ] = None,
) -> None:
    """Replay the histories of all sagas that are served, with Temporal's own replayer. Nothing is sent.

    Exit codes:
    - 0: the code follows every history.
    - 1: some history is not what the code at hand leads to.
    """
    from orchestrator.cli.loading.modules import load_definitions  # noqa: PLC0415 - other commands do without

    with errors_reported():
        from orchestrator.settings import read_settings  # noqa: PLC0415 - as above

        settings = read_settings(engine=engine) if history else _named(engine)
        definitions = load_definitions(sagas or settings.sagas, overlay or settings.overlays)
        replayed = asyncio.run(_replay_exported(history, definitions) if history else _replay(settings, definitions))
    failed = {saga_id: failure for saga_id, failure in replayed.items() if failure}
    if wants_json():
        print_json({"replayed": len(replayed), "failed": failed})
    else:
        for saga_id, failure in failed.items():
            say(f"{visible(saga_id)}: {visible(failure)}")
        say(f"replayed {len(replayed)} histories, {len(failed)} of which the code does not follow")
    if failed:
        raise typer.Exit(1)


def _named(engine: str | None) -> Settings:
    from orchestrator.settings import read_settings  # noqa: PLC0415 - other commands do without

    settings = read_settings(engine=engine)
    if not settings.engine:
        raise SettingsError("which cluster? Say --engine temporal://host:7233/namespace, or set ORCHESTRATOR_ENGINE")
    return settings


async def _prepare(settings: Settings) -> tuple[str, ...]:
    from orchestrator.bootstrap.temporal import connect_temporal, temporal_engine  # noqa: PLC0415 - other commands do without

    made: tuple[str, ...] = await temporal_engine("cluster.preparing").prepare(await connect_temporal(settings))
    return made


async def _replay(settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]]) -> dict[str, str]:
    from orchestrator.bootstrap.clock import SystemClock  # noqa: PLC0415 - other commands do without
    from orchestrator.bootstrap.temporal import connect_temporal, temporal_engine  # noqa: PLC0415 - likewise

    client = await connect_temporal(settings)
    histories = temporal_engine("replaying").replay_histories(client, definitions, SystemClock())
    return {each.saga_id: each.failure async for each in histories}


async def _replay_exported(
    histories: Sequence[Path], definitions: Sequence[SagaDefinition[Any, Any, Any]]
) -> dict[str, str]:
    from orchestrator.bootstrap.clock import SystemClock  # noqa: PLC0415 - other commands do without
    from orchestrator.bootstrap.temporal import temporal_engine  # noqa: PLC0415 - other commands do without

    replaying = temporal_engine("replaying")
    found = [await replaying.replay_exported(definitions, SystemClock(), path) for path in histories]
    return {each.saga_id: each.failure for each in found}
