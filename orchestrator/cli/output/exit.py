"""Ends a command that cannot do what it was asked to do, with one line on stderr and an exit code.

==== ======================================================
code meaning
==== ======================================================
0    done; nothing is wrong
1    something is wrong with a contract, a saga or a system
2    the command was asked for something that does not exist
==== ======================================================
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

import typer

from orchestrator.cli.output.text import say
from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def refuse(message: str, *, code: int = 2) -> NoReturn:
    """End the command with an error.

    Args:
        message: the error, without its first word.
        code: the exit code; by default, the arguments name something that does not exist.

    Raises:
        typer.Exit: always.
    """
    say(f"error: {message}")
    raise typer.Exit(code)


@contextlib.contextmanager
def errors_reported() -> Iterator[None]:
    """Let the orchestrator's own errors end the command with their message and code 1."""
    try:
        yield
    except OrchestratorError as error:
        refuse(str(error), code=1)


def require_folder(path: Path, option: str) -> Path:
    """The path of an existing folder.

    Raises:
        typer.Exit: with code 2, there is no such folder.
    """
    if not path.is_dir():
        refuse(f"{option} {path}: there is no such folder")
    return path
