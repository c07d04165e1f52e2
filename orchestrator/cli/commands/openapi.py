"""``orchestrator openapi``: the description of the API over HTTP, for programs that make clients of it."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from orchestrator.api.application import services_beside
from orchestrator.cli.loading.modules import load_application
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json


def openapi(
    sagas: Annotated[
        list[str] | None,
        typer.Option(help="A module or package with sagas; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"),
    ] = None,
    overlay: OverlayOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write. Default: standard output.", show_default=False)
    ] = None,
) -> None:
    """Describe the API over HTTP, as `orchestrator serve` with these sagas answers it: OpenAPI 3.1, in JSON."""
    from orchestrator.api.openapi.document import description  # noqa: PLC0415 - no other command needs it
    from orchestrator.doors import OWN_SERVICES  # noqa: PLC0415 - likewise
    from orchestrator.participant.transcoding import RuleError  # noqa: PLC0415 - likewise

    with errors_reported():
        beside = {service.full_name for service in services_beside(load_application(sagas or (), overlay).servicers)}
        try:
            described = description({*OWN_SERVICES, *beside})
        except RuleError as error:
            refuse(str(error), code=1)
    if out is None:
        typer.echo(described)
    else:
        out.write_bytes(described + b"\n")
        if wants_json():
            print_json({"out": str(out)})
