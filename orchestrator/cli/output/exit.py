"""How commands end: with an exit code that says what came of it, and with one line on stderr where it went wrong."""

from __future__ import annotations

import contextlib
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn, Self

import typer

from orchestrator.cli.output.form import print_json_line, wants_json
from orchestrator.cli.output.text import say
from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ExitCode(IntEnum):
    """Every code with which a command ends; the page of the command line holds the same table.

    Attributes:
        meaning: in a sentence, for that table.
    """

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """A code and its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "done, and nothing is wrong; of `start --wait` and `watch`: the saga has completed"
    WRONG = 1, "it was refused or did not work, or what was looked at is wrong: a contract, a saga, a system"
    NOT_THERE = 2, "the arguments are wrong, or name something that does not exist; nothing was done"
    COMPENSATED = 3, "of `start --wait` and `watch`: the saga has ended, and everything is compensated"
    PARTIALLY_COMPENSATED = (
        4,
        "of `start --wait` and `watch`: the saga has ended, and effects stand that a person let stand",
    )
    SUSPENDED = 5, "of `start --wait`: the saga waits for a person, see `show`"
    STILL_GOING = 6, "of `start --wait`: the time is over, and the saga goes on"
    INTERRUPTED = 130, "Ctrl-C; sagas go on"
    UNREAD = 141, "nobody reads the output any more, as after `head`"


def refuse(message: str, *, code: int = ExitCode.NOT_THERE) -> NoReturn:
    """End the command with an error.

    Args:
        message: the error, without its first word.
        code: the exit code; by default, the arguments name something that does not exist.

    Raises:
        typer.Exit: always.
    """
    tell_error(message, code)
    raise typer.Exit(code)


def tell_error(message: str, code: int) -> None:
    """Say on stderr what is wrong, in the form in which the command answers."""
    if wants_json():
        print_json_line({"error": {"exit_code": int(code), "message": message}}, err=True)
    else:
        say(f"error: {message}")


@contextlib.contextmanager
def errors_reported() -> Iterator[None]:
    """Let the orchestrator's own errors end the command with their message and code 1."""
    try:
        yield
    except OrchestratorError as error:
        refuse(str(error), code=ExitCode.WRONG)


def require_folder(path: Path, option: str) -> Path:
    """The path of an existing folder.

    Raises:
        typer.Exit: with code 2, there is no such folder.
    """
    if not path.is_dir():
        refuse(f"{option} {path}: there is no such folder")
    return path
