"""What came of one fault of one command."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.testing.matrix.oracle import word

if TYPE_CHECKING:
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
