"""With what the command line says who calls: a token, and never on the command line itself, where `ps` shows it.

The first of these that there is: the file that ``--token-file`` names, the variable ``ORCHESTRATOR_TOKEN``, and, where
the orchestrator is on this machine, the local operator's token in its state folder.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Final

import typer

from orchestrator.cli.output.exit import refuse
from orchestrator.contract.addresses import is_loopback

# Read here and not by the settings, because commands that only look do not import pydantic.
_TOKEN: Final = "ORCHESTRATOR_TOKEN"  # noqa: S105 - the name of a variable
_STATE: Final = "STATE_DIR"

_named: ContextVar[Path | None] = ContextVar("token_file", default=None)


def _remember(path: Path | None) -> Path | None:
    _named.set(path)
    return path


TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="The file that holds your token.  \\[env: ORCHESTRATOR_TOKEN, the token itself; default: the local "
        "operator's, in the state folder]",
        callback=_remember,
        expose_value=False,  # every command has it, and hands it on to nothing
        show_default=False,
    ),
]


def token_file() -> Path | None:
    """The file that was named for this command."""
    return _named.get()


def token_for(address: str) -> str:
    """The token for the orchestrator at ``host:port``; empty where there is none.

    Raises:
        typer.Exit: with code 2, the file that was named cannot be read.
    """
    if path := _named.get():
        try:
            return path.read_text().strip()
        except (OSError, ValueError) as error:
            refuse(f"--token-file {path}: {getattr(error, 'strerror', None) or error}")
    if token := os.environ.get(_TOKEN, "").strip():
        return token
    return local_operator_token() if is_loopback(address) else ""


def local_operator_token() -> str:
    """The local operator's token in the state folder that the environment names; empty where there is none."""
    return local_token(Path(os.environ.get(_STATE) or ".state"))


def local_token(folder: Path) -> str:
    """The local operator's token in a state folder; empty where there is none that may be read."""
    try:
        return (folder / "token").read_text().strip()
    except (OSError, ValueError):
        return ""
