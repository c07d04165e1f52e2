"""``orchestrator serve``: run one replica."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer

from orchestrator.cli.modules import load_definitions
from orchestrator.cli.refusal import errors_reported
from orchestrator.cli.text import visible


class _OneLine(logging.Formatter):
    """One line for each record, whatever stands in it: a participant's message must not write the next one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - see logging
        """See logging; a traceback of our own stays in lines."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802 - see logging
        """See logging: each of its lines is indented, so that none looks like a record."""
        return "\n".join(f"    {visible(line)}" for line in super().formatException(ei).split("\n"))


def serve(
    listen: Annotated[str | None, typer.Option(help="host:port of the API.  [env: ORCHESTRATOR_LISTEN]")] = None,
    journal: Annotated[str | None, typer.Option(help="sqlite:<path> or memory:  [env: ORCHESTRATOR_JOURNAL]")] = None,
    sagas: Annotated[
        list[str] | None, typer.Option(help="A module that holds sagas; may be repeated.  [env: ORCHESTRATOR_SAGAS]")
    ] = None,
    participant: Annotated[
        list[str] | None,
        typer.Option(help="full.service.Name=host:port; may be repeated.  [env: ORCHESTRATOR_PARTICIPANTS]"),
    ] = None,
) -> None:
    """Run the orchestrator until SIGTERM or Ctrl-C."""
    # Imported here: `generate` runs also while the stubs do not fit the sagas, and no other command pays for pydantic.
    import uvloop  # noqa: PLC0415

    from orchestrator.bootstrap import serve as run  # noqa: PLC0415
    from orchestrator.settings import read_settings  # noqa: PLC0415

    with errors_reported():
        settings = read_settings(
            listen=listen,
            journal=journal,
            sagas=tuple(sagas) if sagas else None,
            participants=",".join(participant) if participant else None,
        )
        definitions = load_definitions(settings.sagas)
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.basicConfig(level=settings.log_level, handlers=[handler])
        uvloop.run(run(settings, definitions))
