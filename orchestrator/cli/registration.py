"""How commands are registered: each with ``--json``, and with a help that is legible on any terminal.

A command is a function as everywhere in typer; :class:`CommandLine` takes the place of ``typer.Typer``.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from orchestrator.cli.output.form import OPTION, choose_json
from orchestrator.cli.output.help_page import print_help

if TYPE_CHECKING:
    from collections.abc import Callable

_AsJson = Annotated[bool, typer.Option(OPTION, help="Answer in JSON, and in nothing else.")]
_NAME = "as_json"


class Command(TyperCommand):
    """A command with a help of ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - typer's own click
        """See click."""
        print_help(self, ctx)


class CommandGroup(TyperGroup):
    """A group of commands with a help of ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """See click."""
        print_help(self, ctx)


class CommandLine(typer.Typer):
    """Some commands, each with the option ``--json``."""

    def __init__(self, *, cls: type[TyperGroup] = CommandGroup, **options: Any) -> None:  # noqa: ANN401 - see typer
        super().__init__(cls=cls, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - see typer
        """See typer."""
        register = super().command(name, **{"cls": Command, **options})

        def registered(command: Callable[..., None]) -> Callable[..., None]:
            register(_answering(command))
            return command

        return registered


def _answering(command: Callable[..., None]) -> Callable[..., None]:
    """A command that can answer in JSON, with the option for that."""
    signature = inspect.signature(command, eval_str=True)
    hints = get_type_hints(command, include_extras=True)
    passes = _NAME in signature.parameters

    @functools.wraps(command)
    def answering(**options: Any) -> None:  # noqa: ANN401 - those of the command, too
        choose_json(options[_NAME] if passes else options.pop(_NAME))
        command(**options)

    if not passes:
        known = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in signature.parameters.values()]
        added = inspect.Parameter(_NAME, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_AsJson)
        signature = signature.replace(parameters=[*known, added])
    # Typer reads both of a function.
    answering.__signature__ = signature  # type: ignore[attr-defined]  # see inspect
    answering.__annotations__ = hints | ({} if passes else {_NAME: _AsJson})
    return answering
