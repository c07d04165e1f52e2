"""``orchestrator generate``: the Python stubs of contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.loading import protoc
from orchestrator.cli.loading.contracts import ContractSource, DescriptorSetOption, ReflectOption
from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.contract.wording import counted


def generate(
    protos: Annotated[
        Path | None, typer.Option(help="The folder of the .proto files. Default: protos.", show_default=False)
    ] = None,
    descriptor_set: DescriptorSetOption = None,
    reflect: ReflectOption = None,
    out: Annotated[Path, typer.Option(help="The folder that the stubs are written to.")] = Path("generated"),
) -> None:
    """Write the Python stubs of contracts, and remove those whose .proto file is gone."""
    source = ContractSource(protos, descriptor_set, reflect)
    with errors_reported():
        names = protoc.generate((source if source.is_named else ContractSource(Path("protos"))).contracts(), out)
    if wants_json():
        print_json({"out": str(out), "contracts": names})
        return
    typer.echo(f"{out}: the stubs of {counted(len(names), '.proto file')} are up to date")
