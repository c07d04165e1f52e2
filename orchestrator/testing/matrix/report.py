"""What the matrix shows: one cell for each command and fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from orchestrator.testing.matrix.cell import Cell, Verdict
from orchestrator.testing.matrix.oracle import word
from orchestrator.testing.matrix.rendering import matrix_view, plain_text

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells of one saga.

    Attributes:
        saga: its name and version.
        cells: by command, in the order in which the saga sends them; each command meets every fault.
        unreached: short names of commands of the plan that the saga does not send with this input. They are not
            in the cells: make another matrix, with an input that leads there.
        waits: by wait of the saga's code, in the order in which they begin; each meets every column of waits.
    """

    saga: str
    cells: tuple[Cell, ...]
    unreached: tuple[str, ...] = ()
    waits: tuple[Cell, ...] = ()

    @property
    def _all(self) -> tuple[Cell, ...]:
        return self.cells + self.waits

    @property
    def passed(self) -> bool:
        """No cell failed, and at least one passed."""
        return not self.failures and any(cell.verdict is Verdict.PASSED for cell in self._all)

    @property
    def failures(self) -> tuple[Cell, ...]:
        """The cells that failed."""
        return tuple(cell for cell in self._all if cell.verdict is Verdict.FAILED)

    @property
    def commands(self) -> tuple[str, ...]:
        """The rows."""
        return tuple(dict.fromkeys(cell.command for cell in self.cells))

    def cell(self, command: str, fault: str) -> Cell:
        """One cell.

        Raises:
            KeyError: there is none.
        """
        return {(cell.command, cell.fault): cell for cell in self._all}[command, fault]

    def counts(self) -> dict[Verdict, int]:
        """How many cells have which verdict."""
        return {verdict: sum(cell.verdict is verdict for cell in self._all) for verdict in Verdict}

    def summary(self) -> str:
        """One line, such as ``place_order v1: 180 passed, 0 failed, 40 not applicable``."""
        counted = ", ".join(f"{count} {verdict.value}" for verdict, count in self.counts().items())
        return f"{self.saga}: {counted}"

    def as_json(self) -> dict[str, Any]:
        """The matrix as JSON holds it."""
        cells = [
            {
                "command": cell.command,
                "fault": cell.fault,
                "end": None if cell.end is None else word(cell.end),
                "verdict": cell.verdict.value,
                "explanation": cell.explanation,
            }
            for cell in self._all
        ]
        return {"saga": self.saga, "passed": self.passed, "unreached": list(self.unreached), "cells": cells}

    def __rich__(self) -> RenderableType:
        style = "green" if self.passed else "bold red"
        return matrix_view(self.saga, self.cells, self.waits, self.unreached, Text(self.summary(), style=style))

    def __str__(self) -> str:
        return plain_text(self.__rich__())

    __repr__ = __str__  # what pytest shows where an assertion fails
