"""The console on which commands print: no id and no status is ever cut, however narrow the terminal is.

Pieces that do not fit side by side are printed beneath one another. The terminal itself breaks a piece that is wider
than a line, and cuts nothing.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from orchestrator.cli.output.streams import leave_unread
from orchestrator.cli.output.text import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from rich.console import ConsoleOptions, RenderableType, RenderResult

_WITHOUT_TERMINAL: Final = 1000
_ROOM_TO_WRAP: Final = 28  # the least columns for a sentence
_INDENT: Final = 4
_GAP: Final = 2
_NUMBERS: Final = frozenset({"took", "sagas", "in flight", "waiting"})


class Terminal(Console):
    """A console that takes text as text: without markup, and without any control character but its own.

    Attributes:
        repaints: the output is painted over repeatedly, so the console must know where the terminal would break a line.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - those of a console
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        self.repaints = False

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """See rich. All output passes here last; only colours are added later."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n" or segment.text.isprintable():
                yield segment
            else:
                yield Segment(visible_but_breaks(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """See rich."""
        leave_unread()

    def print(self, *what: Any, **options: Any) -> None:  # noqa: ANN401 - as above
        """See rich. Text that is wider than the terminal is not cut."""
        super().print(*what, **{"crop": False, **options})


def open_terminal() -> Terminal:
    """A console as wide as the terminal; without a terminal, as wide as COLUMNS says, or wide enough for any line."""
    terminal = Terminal()
    if terminal.is_terminal:
        return terminal
    return Terminal(width=shutil.get_terminal_size((_WITHOUT_TERMINAL, 0)).columns)


def visible_but_breaks(text: str) -> str:
    """The text made harmless; its line breaks stay, because only the layout makes them here."""
    return "\n".join(map(visible, text.split("\n")))


@dataclass
class Flow:
    """Pieces side by side, in as many lines as they need; no line breaks within a piece.

    Attributes:
        pieces: the pieces, in order.
        between: the separator between two pieces.
        style: the style of separators, and of pieces without a style.
        indent: how many columns stay free at the left.
    """

    pieces: Sequence[Text | str]
    between: str = "  "
    style: str = ""
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich."""
        line, folds = Text(style=self.style), getattr(console, "repaints", False)
        for piece in map(_piece, self.pieces):
            if line and line.cell_len + len(self.between) + piece.cell_len > options.max_width:
                yield line if folds else whole_line(line)
                line = Text(style=self.style)
            line.append(self.between if line else " " * self.indent).append_text(piece)
        if line:
            yield line if folds else whole_line(line)


def _piece(piece: Text | str) -> Text:
    """A piece of a page, as wide as it will be shown."""
    text = Text.assemble(piece)
    return text if text.plain.isprintable() else Text(visible(text.plain), style=text.style)


def whole_line(line: Text) -> Text:
    """The line, which only the terminal itself may break: a command to paste, for instance."""
    line.no_wrap, line.overflow = True, "ignore"
    return line


@dataclass
class Records:
    """A table; where it does not fit, a few lines for each row.

    Attributes:
        columns: their names.
        wrapped: the columns with sentences, which may be wrapped.
        head: how many of the first columns begin a row's few lines; the others follow with their names.
        plain: the columns that follow without their names.
    """

    columns: Sequence[str]
    wrapped: Collection[str] = ()
    head: int = 1
    plain: Collection[str] = ()
    _rows: list[list[Text]] = field(default_factory=list)

    def add(self, *cells: Text | str) -> None:
        """Add a row."""
        self._rows.append([_piece(cell) for cell in cells])

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich."""
        if self._width() <= options.max_width:
            yield self._table()
            return
        for row in self._rows:
            yield Flow(row[: self.head])
            yield from self._details(row, options.max_width - _INDENT)

    def _width(self) -> int:
        """How wide the table must be."""
        return sum(
            (min(widest, _ROOM_TO_WRAP) if name in self.wrapped else widest) + _GAP
            for name, widest in zip(self.columns, self._widest(), strict=True)
        )

    def _widest(self) -> Iterable[int]:
        return (
            max(len(name), *(row[number].cell_len for row in self._rows)) if self._rows else len(name)
            for number, name in enumerate(self.columns)
        )

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="dim")
        for name in self.columns:
            table.add_column(name, no_wrap=name not in self.wrapped, justify="right" if name in _NUMBERS else "left")
        for row in self._rows:
            table.add_row(*row)
        return table

    def _details(self, row: Sequence[Text], width: int) -> Iterator[RenderableType]:
        short: list[Text] = []
        long: list[Text] = []
        for name, cell in list(zip(self.columns, row, strict=True))[self.head :]:
            if cell.plain in {"", "-"}:
                continue
            piece = cell if name in self.plain else Text.assemble((f"{name} ", "dim"), cell)
            (long if name in self.wrapped and piece.cell_len > width else short).append(piece)
        if short:
            yield Flow(short, indent=_INDENT)
        # A padding cuts what is wider than itself; sentences are wrapped before.
        yield from (Padding(sentence, (0, 0, 0, _INDENT)) for sentence in long)
