"""The commands of ``orchestrator``, each from a module of its own."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer

from orchestrator.cli.commands.access import token, whoami
from orchestrator.cli.commands.annotate import annotate
from orchestrator.cli.commands.bulk import act, bulk_commands
from orchestrator.cli.commands.channels import channel_commands
from orchestrator.cli.commands.check import check
from orchestrator.cli.commands.conform import conform
from orchestrator.cli.commands.console import console
from orchestrator.cli.commands.dead_commands import dead_command_commands
from orchestrator.cli.commands.desk import desk
from orchestrator.cli.commands.doctor import doctor
from orchestrator.cli.commands.engine import engine_commands
from orchestrator.cli.commands.events import event_commands
from orchestrator.cli.commands.export import export
from orchestrator.cli.commands.faults import faults
from orchestrator.cli.commands.follow import feed, watch
from orchestrator.cli.commands.generate import generate
from orchestrator.cli.commands.inspect import list_sagas, preview, show, stats
from orchestrator.cli.commands.journal import journal_commands, migrate
from orchestrator.cli.commands.mock import mock
from orchestrator.cli.commands.openapi import openapi
from orchestrator.cli.commands.operator import cancel, pause, resolve, resume, retry, skip
from orchestrator.cli.commands.plan import plan
from orchestrator.cli.commands.retention import retention
from orchestrator.cli.commands.schedules import schedule_commands
from orchestrator.cli.commands.serve import serve
from orchestrator.cli.commands.signal import approve, reject, signal
from orchestrator.cli.commands.simulate import simulate
from orchestrator.cli.commands.start import start
from orchestrator.cli.commands.top import top
from orchestrator.cli.commands.verify import verify
from orchestrator.cli.connecting.certificates import connecting
from orchestrator.cli.output.exit import ExitCode
from orchestrator.cli.output.form import OPTION, choose_json
from orchestrator.cli.output.mistakes import end_with_mistake
from orchestrator.cli.output.streams import leave_unread, prepare_streams
from orchestrator.cli.registration import CommandGroup, CommandLine


class _Commands(CommandGroup):
    """Prepares the streams, so that every command, and its help, can write any text; tells mistakes in one line."""

    def main(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - see click
        """See click."""
        prepare_streams()
        given = arguments[0] if arguments else options.get("args")
        # Also what is wrong with the arguments is told in JSON.
        choose_json(OPTION in (sys.argv[1:] if given is None else given))
        # Only `serve` shows the engine's log; in any other command it would mix with the output.
        logging.getLogger("orchestrator").addHandler(logging.NullHandler())
        try:
            ended = super().main(*arguments, **{**options, "standalone_mode": False})
        except typer.TyperException as error:
            end_with_mistake(error)
        except typer.Abort:
            sys.exit(ExitCode.INTERRUPTED)
        sys.exit(ended if isinstance(ended, int) else ExitCode.DONE)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - see click
        """See click."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            leave_unread()


app = CommandLine(
    name="orchestrator",
    cls=_Commands,
    help="Durable sagas over plain gRPC.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # local variables can hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"orchestrator {version('saga-orchestrator')}")
        raise typer.Exit


@app.callback()
def _orchestrator(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Durable sagas over plain gRPC."""


app.command()(serve)
app.command()(connecting(check))
app.command()(plan)
app.command()(verify)
app.command()(export)
app.command()(migrate)
app.command()(retention)
app.command()(doctor)
app.command()(generate)
app.command()(openapi)
app.command()(connecting(annotate))
app.command()(mock)
app.command()(connecting(conform))
app.command()(faults)
app.command()(simulate)
app.command()(token)
app.add_typer(channel_commands, name="channels")
app.add_typer(engine_commands, name="engine")

LOOK = "Looking at sagas"
app.command("list", rich_help_panel=LOOK)(connecting(list_sagas))
app.command(rich_help_panel=LOOK)(connecting(show))
app.command(rich_help_panel=LOOK)(connecting(watch))
app.command(rich_help_panel=LOOK)(connecting(feed))
app.command(rich_help_panel=LOOK)(connecting(top))
app.command(rich_help_panel=LOOK)(connecting(desk))
app.add_typer(journal_commands, name="journal", rich_help_panel=LOOK)
app.add_typer(event_commands, name="events", rich_help_panel=LOOK)
app.add_typer(dead_command_commands, name="dead-commands", rich_help_panel=LOOK)
app.command(rich_help_panel=LOOK)(connecting(preview))
app.command(rich_help_panel=LOOK)(connecting(stats))
app.command(rich_help_panel=LOOK)(connecting(whoami))
app.command(rich_help_panel=LOOK)(console)

ACT = "Acting on sagas"
app.command(rich_help_panel=ACT)(connecting(start))
app.command(rich_help_panel=ACT)(connecting(cancel))
app.command(rich_help_panel=ACT)(connecting(pause))
app.command(rich_help_panel=ACT)(connecting(resume))
app.command(rich_help_panel=ACT)(connecting(retry))
app.command(rich_help_panel=ACT)(connecting(resolve))
app.command(rich_help_panel=ACT)(connecting(skip))
app.command(rich_help_panel=ACT)(connecting(act))
app.add_typer(bulk_commands, name="bulk", rich_help_panel=ACT)
app.add_typer(schedule_commands, name="schedules", rich_help_panel=ACT)
app.command(rich_help_panel=ACT)(connecting(signal))
app.command(rich_help_panel=ACT)(connecting(approve))
app.command(rich_help_panel=ACT)(connecting(reject))
