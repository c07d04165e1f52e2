"""The commands of ``orchestrator``, each from a module of its own."""

from __future__ import annotations

import typer

from orchestrator.cli.check import check
from orchestrator.cli.conform import conform
from orchestrator.cli.export import export
from orchestrator.cli.faults import faults
from orchestrator.cli.generate import generate
from orchestrator.cli.look import feed, journal, list_sagas, preview, show, stats, watch
from orchestrator.cli.mock import mock
from orchestrator.cli.operate import act, cancel, pause, resolve, resume, retry, skip
from orchestrator.cli.serve import serve
from orchestrator.cli.simulate import simulate
from orchestrator.cli.verify import verify

app = typer.Typer(
    name="orchestrator",
    help="Durable sagas over plain gRPC.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals can hold what must not be shown
)
app.command()(serve)
app.command()(check)
app.command()(verify)
app.command()(export)
app.command()(generate)
app.command()(mock)
app.command()(conform)
app.command()(faults)
app.command()(simulate)

LOOK = "Looking at sagas"
app.command("list", rich_help_panel=LOOK)(list_sagas)
app.command(rich_help_panel=LOOK)(show)
app.command(rich_help_panel=LOOK)(watch)
app.command(rich_help_panel=LOOK)(feed)
app.command(rich_help_panel=LOOK)(journal)
app.command(rich_help_panel=LOOK)(preview)
app.command(rich_help_panel=LOOK)(stats)

ACT = "Acting on sagas"
app.command(rich_help_panel=ACT)(cancel)
app.command(rich_help_panel=ACT)(pause)
app.command(rich_help_panel=ACT)(resume)
app.command(rich_help_panel=ACT)(retry)
app.command(rich_help_panel=ACT)(resolve)
app.command(rich_help_panel=ACT)(skip)
app.command(rich_help_panel=ACT)(act)
