"""``orchestrator serve``: run one replica."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.modules import load_application
from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations


def serve(
    listen: Annotated[str | None, typer.Option(help="host:port of the API.  [env: ORCHESTRATOR_LISTEN]")] = None,
    journal: Annotated[str | None, typer.Option(help="sqlite:<path> or memory:  [env: ORCHESTRATOR_JOURNAL]")] = None,
    sagas: Annotated[
        list[str] | None,
        typer.Option(help="A module or package with sagas; may be repeated.  [env: ORCHESTRATOR_SAGAS]"),
    ] = None,
    overlay: OverlayOption = None,
    participant: Annotated[
        list[str] | None,
        typer.Option(
            help="full.service.Name=host:port, or =grpc://host:port; may be repeated.  [env: ORCHESTRATOR_PARTICIPANTS]"
        ),
    ] = None,
    drift_check: Annotated[
        bool | None,
        typer.Option(
            "--drift-check/--no-drift-check",
            help="Compare the contracts of live participants with those here.  [env: ORCHESTRATOR_DRIFT_CHECK]",
        ),
    ] = None,
) -> None:
    """Run the orchestrator until SIGTERM or Ctrl-C."""
    # Imported here, so that `generate` runs while stubs do not fit the sagas, and no other command imports pydantic.
    import uvloop  # noqa: PLC0415

    from orchestrator.bootstrap import serve as run  # noqa: PLC0415
    from orchestrator.observability.logs import configure_logs  # noqa: PLC0415
    from orchestrator.settings import read_settings  # noqa: PLC0415

    with errors_reported():
        settings = read_settings(
            listen=listen,
            journal=journal,
            sagas=tuple(sagas) if sagas else None,
            overlays=tuple(overlay) if overlay else None,
            participants=",".join(participant) if participant else None,
            drift_check=drift_check,
        )
        definitions, servicers = load_application(settings.sagas, settings.overlays)
        configure_logs(settings.log_level)
        uvloop.run(run(settings, definitions, servicers))
