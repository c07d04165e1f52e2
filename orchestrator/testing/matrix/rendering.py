"""The matrix as tables: one for each kind of fault, the commands of the saga beneath one another."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from orchestrator.journal.state import Status
from orchestrator.testing.matrix.cell import Cell, Verdict
from orchestrator.testing.matrix.fault_case import FaultKind
from orchestrator.testing.matrix.fault_cases import FAULT_CASES
from orchestrator.testing.matrix.oracle import word
from orchestrator.testing.matrix.wait_cases import WAIT_CASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import ConsoleOptions, RenderableType, RenderResult


_STYLES: Final = {Status.COMPLETED: "green", Status.COMPENSATED: "magenta", Status.SUSPENDED: "yellow"}
_WIDTH: Final = 160
_WIDEST: Final = 10_000


def matrix_view(
    saga: str, cells: Sequence[Cell], waits: Sequence[Cell], unreached: Sequence[str], summary: Text
) -> RenderableType:
    """The tables, what failed in words, and the counts.

    Args:
        saga: its name and version.
        cells: by command, in the order of the rows.
        waits: by wait, likewise.
        unreached: short names of the commands that have no row.
        summary: the counts in one line.
    """
    parts: list[RenderableType] = []
    for kind in FaultKind:
        columns = [(case.name, case.title) for case in FAULT_CASES if case.kind is kind]
        parts += [_KindView(f"{saga}: {kind.value}", cells, columns), Text("")]
    if waits:
        columns = [(case.name, case.title) for case in WAIT_CASES]
        parts += [_KindView(f"{saga}: the code waits", waits, columns), Text("")]
    parts += [Text(str(cell), style="red") for cell in (*cells, *waits) if cell.verdict is Verdict.FAILED]
    if unreached:
        parts.append(Text(f"not reached with this input: {', '.join(unreached)}", style="yellow"))
    return Group(*parts, summary)


def plain_text(view: RenderableType) -> str:
    """A view without colours, in lines that are as long as they need to be."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(view, soft_wrap=True)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


class _KindView:
    """A table; where it does not fit, a line for each cell, so that no status is broken in two."""

    def __init__(self, title: str, cells: Sequence[Cell], columns: Sequence[tuple[str, str]]) -> None:
        self._title = title
        self._cells = {(cell.command, cell.fault): cell for cell in cells}
        self._names = _names(tuple(dict.fromkeys(cell.command for cell in cells)))
        self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich."""
        table = self._table()
        if Measurement.get(console, options.update(max_width=_WIDEST), table).minimum <= options.max_width:
            yield table
        else:
            yield from self._lines()

    def _lines(self) -> Iterator[Text]:
        yield Text(self._title, style="italic")
        for command, name in self._names.items():
            yield Text(name, style="bold", no_wrap=True, overflow="ignore")
            for column, case in self._columns:
                yield Text.assemble("  ", _text(self._cells[command, case]), (f"  {column}", "dim"))

    def _table(self) -> Table:
        table = Table("command", title=self._title, title_justify="left", header_style="dim")
        for column, _ in self._columns:
            table.add_column(column, overflow="fold")  # between words, as a narrower table is not shown
        for command, name in self._names.items():
            table.add_row(name, *(_text(self._cells[command, case]) for _, case in self._columns))
        return table


def _text(cell: Cell) -> Text:
    end = word(cell.end).replace(" ", "\u00a0")  # a status is not broken in two
    if cell.verdict is Verdict.NOT_APPLICABLE:
        return Text("·", style="dim")
    if cell.verdict is Verdict.FAILED:
        return Text(f"FAIL {end}", style="bold red")
    return Text(f"✓ {end}", style=_STYLES.get(cell.end, "") if cell.end else "")


def _names(commands: tuple[str, ...]) -> dict[str, str]:
    """Each command by its method alone, where that tells it from the others."""
    unscoped = {command: command.rpartition("/")[2].partition("#")[0] for command in commands}
    methods = {command: name.partition(".")[2] or name for command, name in unscoped.items()}
    counts = Counter(methods.values())
    return {command: method if counts[method] == 1 else command for command, method in methods.items()}
