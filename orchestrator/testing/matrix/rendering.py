"""The matrix as tables: one for each family of faults, the commands of the saga beneath one another."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from orchestrator.journal.state import Status
from orchestrator.testing.matrix.fault_cases import FAULT_CASES, FaultKind
from orchestrator.testing.matrix.oracle import word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleOptions, RenderableType, RenderResult

    from orchestrator.testing.matrix.report import Cell, Matrix

_STYLES: Final = {Status.COMPLETED: "green", Status.COMPENSATED: "magenta", Status.SUSPENDED: "yellow"}
_WIDTH: Final = 160
_WIDEST: Final = 10_000


def matrix_view(matrix: Matrix) -> RenderableType:
    """The tables, what failed in words, and the counts."""
    parts: list[RenderableType] = []
    for kind in FaultKind:
        parts += [_KindView(matrix, kind), Text("")]
    parts += [Text(str(cell), style="red") for cell in matrix.failures]
    if matrix.unreached:
        names = ", ".join(matrix.unreached)
        parts.append(Text(f"not reached with this order: {names}", style="yellow"))
    parts.append(Text(matrix.summary(), style="green" if matrix.passed else "bold red"))
    return Group(*parts)


def matrix_text(matrix: Matrix) -> str:
    """The same as plain text."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(matrix_view(matrix), soft_wrap=True)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


class _KindView:
    """A table; where it does not fit, a line for each cell, so that no status is broken in two."""

    def __init__(self, matrix: Matrix, kind: FaultKind) -> None:
        self._matrix = matrix
        self._family = kind

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich."""
        table = _table(self._matrix, self._family)
        if Measurement.get(console, options.update(max_width=_WIDEST), table).minimum <= options.max_width:
            yield table
        else:
            yield from _lines(self._matrix, self._family)


def _lines(matrix: Matrix, kind: FaultKind) -> Iterator[Text]:
    yield Text(f"{matrix.saga}: {kind.value}", style="italic")
    cells = {(cell.command, cell.fault): cell for cell in matrix.cells}
    for command, name in _names(matrix.commands).items():
        yield Text(name, style="bold", no_wrap=True, overflow="ignore")
        for fault_case in FAULT_CASES:
            if fault_case.kind is kind:
                yield Text.assemble("  ", _text(cells[command, fault_case.title]), (f"  {fault_case.name}", "dim"))


def _table(matrix: Matrix, kind: FaultKind) -> Table:
    columns = [fault_case for fault_case in FAULT_CASES if fault_case.kind is kind]
    table = Table("command", title=f"{matrix.saga}: {kind.value}", title_justify="left", header_style="dim")
    for fault_case in columns:
        table.add_column(fault_case.name, overflow="ignore")
    cells = {(cell.command, cell.fault): cell for cell in matrix.cells}
    for command, name in _names(matrix.commands).items():
        table.add_row(name, *(_text(cells[command, fault_case.title]) for fault_case in columns))
    return table


def _text(cell: Cell) -> Text:
    end = word(cell.end).replace(" ", "\u00a0")  # a status is not broken in two
    if cell.verdict.value == "not applicable":
        return Text("·", style="dim")
    if cell.verdict.value == "failed":
        return Text(f"FAIL {end}", style="bold red")
    return Text(f"✓ {end}", style=_STYLES.get(cell.end, "") if cell.end else "")


def _names(commands: tuple[str, ...]) -> dict[str, str]:
    """Each command by its method alone, where that tells it from the others."""
    methods = {command: command.rpartition("/")[2].partition(".")[2].partition("#")[0] for command in commands}
    counts = Counter(methods.values())
    return {command: method if counts[method] == 1 else command for command, method in methods.items()}
