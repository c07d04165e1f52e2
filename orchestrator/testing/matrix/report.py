"""What the matrix shows: one cell for each command and fault."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.testing.matrix.oracle import word
from orchestrator.testing.matrix.rendering import matrix_text, matrix_view

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.journal.state import Status


class Verdict(enum.Enum):
    """What to think of a cell."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one fault of one command.

    Attributes:
        command: its key within the saga, such as ``InventoryService.ReserveStock#1``.
        fault: the title of the fault, such as ``delivery: times out after``.
        end: where the saga ended; ``None`` where the fault is not applicable, or the saga never started.
        verdict: whether that is as promised.
        explanation: what was seen, what is wrong with it, or why the fault is not applicable.
    """

    command: str
    fault: str
    end: Status | None
    verdict: Verdict
    explanation: str

    def __str__(self) -> str:
        end = "" if self.end is None else f"{word(self.end)}, "
        return f"{self.command}: {self.fault}: {end}{self.verdict.value}: {self.explanation}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells of one saga.

    Attributes:
        saga: its name and version.
        cells: by command, in the order in which the saga sends them; each command meets every fault.
        unreached: short names of commands of the plan that the saga does not send with this order. They are not
            in the cells: make another matrix, with an order that leads there.
    """

    saga: str
    cells: tuple[Cell, ...]
    unreached: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """No cell failed, and at least one passed."""
        return not self.failures and any(cell.verdict is Verdict.PASSED for cell in self.cells)

    @property
    def failures(self) -> tuple[Cell, ...]:
        """The cells that failed."""
        return tuple(cell for cell in self.cells if cell.verdict is Verdict.FAILED)

    @property
    def commands(self) -> tuple[str, ...]:
        """The rows."""
        return tuple(dict.fromkeys(cell.command for cell in self.cells))

    def cell(self, command: str, fault: str) -> Cell:
        """One cell.

        Raises:
            KeyError: there is none.
        """
        return {(cell.command, cell.fault): cell for cell in self.cells}[command, fault]

    def counts(self) -> dict[Verdict, int]:
        """How many cells have which verdict."""
        return {verdict: sum(cell.verdict is verdict for cell in self.cells) for verdict in Verdict}

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
            for cell in self.cells
        ]
        return {"saga": self.saga, "passed": self.passed, "unreached": list(self.unreached), "cells": cells}

    def __rich__(self) -> RenderableType:
        return matrix_view(self)

    def __str__(self) -> str:
        return matrix_text(self)

    __repr__ = __str__  # what pytest shows where an assertion fails
