"""Shows the help of a command: nothing is cut, however narrow the terminal is.

Where there is room, names and sentences stand side by side; on a narrow terminal, each sentence stands under its name.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from orchestrator.cli.output.terminal import open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SIDE_BY_SIDE: Final = 100
"""From this width on there is room for two columns."""
_WIDEST: Final = 120
"""Longer lines are hard to read."""
_INDENT: Final = 2
_NAMES: Final = 34
"""The width of the column with the names, where there are two."""
_GAP: Final = 2

_WORDS: Final = (
    ("<list[str]>", "TEXT"),
    ("<str>", "TEXT"),
    ("<list[Path]>", "PATH"),
    ("<path>", "PATH"),
    ("<int range>", "NUMBER"),
    ("<int>", "NUMBER"),
    ("<float range>", "NUMBER"),
    ("<float>", "NUMBER"),
)
"""What the library says of types, and what people call it."""

_ARGUMENT: Final = re.compile(r"\{([^}]*)\}")

_Rows = list[tuple[str, str]]


def print_help(command: Any, context: Any) -> None:  # noqa: ANN401 - typer's own click
    """Print the help of a command or of a group of commands."""
    terminal = open_terminal()
    width = min(terminal.width, _WIDEST)
    usage = _ARGUMENT.sub(lambda found: found[1].upper(), " ".join(context.get_usage().split()[1:]))
    terminal.print(Text.assemble(("Usage: ", "bold"), usage))
    for paragraph in _paragraphs(command.help or ""):
        terminal.print()
        for line in paragraph:
            for piece in _wrapped(line, width, hanging=2 if line.startswith("- ") else 0):
                terminal.print(Text(piece))
    for heading, rows in {**_parameters(command, context), **_commands(command, context)}.items():
        terminal.print()
        terminal.print(Text(heading, style="bold"))
        for name, told in rows:
            terminal.print(*_row(name, told, width), sep="\n")


def _paragraphs(text: str) -> Iterator[list[str]]:
    """The paragraphs of a docstring; each as one line, but for the items of a list."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines: list[str] = []
        for line in paragraph.splitlines():
            if lines and not line.startswith("- "):
                lines[-1] += f" {line.strip()}"
            else:
                lines.append(line)
        yield lines


def _parameters(command: Any, context: Any) -> Mapping[str, _Rows]:  # noqa: ANN401 - as above
    """What can be said of each argument and option, under its heading."""
    found: dict[str, _Rows] = {"Arguments": [], "Options": []}
    for each in command.get_params(context):
        if record := each.get_help_record(context):
            is_argument = each.param_type_name == "argument"
            name = (each.metavar or each.name).upper() if is_argument else _typed(record[0])
            heading = getattr(each, "rich_help_panel", None) or ("Arguments" if is_argument else "Options")
            # Brackets are written for markup, of which there is none here.
            found.setdefault(heading, []).append((name, record[1].replace("\\[", "[")))
    return {heading: rows for heading, rows in found.items() if rows}


def _typed(name: str) -> str:
    """The name of an option with what it takes, such as ``--limit NUMBER``."""
    for label, word in _WORDS:
        name = name.replace(label, word)
    return name.replace("<", "").replace(">", "")


def _commands(command: Any, context: Any) -> Mapping[str, _Rows]:  # noqa: ANN401 - as above
    """The commands of a group, under their headings."""
    found: dict[str, _Rows] = {}
    for name in getattr(command, "commands", {}):
        each = command.get_command(context, name)
        if not each.hidden:
            heading = getattr(each, "rich_help_panel", None) or "Commands"
            found.setdefault(heading, []).append((name, next(_paragraphs(each.help or ""))[0]))
    return found


def _row(name: str, told: str, width: int) -> Iterator[Text]:
    """A name, and beside or under it what it is."""
    titled = Text(" " * _INDENT).append(name, "bold cyan")
    if width < _SIDE_BY_SIDE or len(name) > _NAMES - _GAP:
        yield titled
        rest = _wrapped(told, width - 3 * _INDENT)
    else:
        first, *rest = _wrapped(told, width - _INDENT - _NAMES) or [""]
        yield titled.append(" " * (_NAMES - len(name))).append(first)
    indent = 3 * _INDENT if width < _SIDE_BY_SIDE else _INDENT + _NAMES
    yield from (Text(" " * indent + line) for line in rest)


def _wrapped(text: str, width: int, *, hanging: int = 0) -> list[str]:
    """Lines of at most this width; a word that is longer stays whole."""
    indent = " " * hanging
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
