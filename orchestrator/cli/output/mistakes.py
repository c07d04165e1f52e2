"""Tells in one line what is wrong with the arguments of a command, as every other error is told.

The parser of the command line has sentences of its own, and takes others from the library that reads the values. Here
they are put into the words of the rest, and each names its option as it is typed.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

import typer

from orchestrator.cli.output.exit import tell_error
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.text import say, visible
from orchestrator.contract.wording import for_people

if TYPE_CHECKING:
    from typing import NoReturn

_SAID: Final = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^Input should be a valid integer\b.*$"), "must be a whole number"),
    (re.compile(r"^Input should be a valid number\b.*$"), "must be a number"),
    (re.compile(r"^Input should be\b"), "must be"),
    (re.compile(r"^Got unexpected extra argument\(?s?\)? \((.*)\)$", re.DOTALL), r"too many arguments: \1"),
    (re.compile(r"^(No such option: .*) \(Possible options: (.*)\)$"), r"\1; did you mean \2?"),
)


def end_with_mistake(error: typer.TyperException) -> NoReturn:
    """End the process with the mistake, and with the command that shows what is right.

    Raises:
        SystemExit: always.
    """
    told = _told(error)
    context = getattr(error, "ctx", None)
    see = f"see: {context.command_path} --help" if context is not None else ""
    if told and wants_json():
        tell_error("; ".join(filter(None, (told, see))), error.exit_code)
    elif told:  # else the help was shown: no command was named
        tell_error(visible(told), error.exit_code)
        if see:
            say(see)
    sys.exit(error.exit_code)


def _told(error: typer.TyperException) -> str:
    if not isinstance(error, typer.BadParameter) or error.param is None:
        text = _in_our_words(error.format_message())
        return text[:1].lower() + text[1:]
    named = " / ".join(each if each.startswith("-") else each.upper() for each in error.param.opts)
    if type(error) is not typer.BadParameter:  # it is the one for an argument that is missing
        return f"{named} must be given"
    return f"{named}: {_in_our_words(error.message)}"


def _in_our_words(text: str) -> str:
    for said, told in _SAID:
        text = said.sub(told, text)
    return for_people(text).removesuffix(".")
