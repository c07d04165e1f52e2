"""The commands of ``orchestrator``, each from a module of its own."""

from __future__ import annotations

import typer

from orchestrator.cli.check import check
from orchestrator.cli.conform import conform
from orchestrator.cli.faults import faults
from orchestrator.cli.generate import generate
from orchestrator.cli.mock import mock
from orchestrator.cli.operate import cancel, list_sagas, show, watch
from orchestrator.cli.serve import serve

app = typer.Typer(
    name="orchestrator",
    help="Durable sagas over plain gRPC.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals can hold what must not be shown
)
app.command()(serve)
app.command()(check)
app.command()(generate)
app.command()(mock)
app.command()(conform)
app.command()(faults)
app.command("list")(list_sagas)
app.command()(show)
app.command()(watch)
app.command()(cancel)
