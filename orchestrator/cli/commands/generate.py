"""``orchestrator generate``: the Python stubs of contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import protoc
from orchestrator.cli.output.exit import errors_reported, require_folder


def generate(
    protos: Annotated[Path, typer.Option(help="The folder of the .proto files.")] = Path("protos"),
    out: Annotated[Path, typer.Option(help="The folder that the stubs are written to.")] = Path("generated"),
) -> None:
    """Write the Python stubs of all .proto files of a folder, and remove those whose .proto file is gone."""
    require_folder(protos, "--protos")
    with errors_reported():
        sources = protoc.generate(protos, out)
    typer.echo(f"{out}: the stubs of {len(sources)} .proto files are up to date")
