"""What a check finds wrong, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """A rule that a contract or a saga breaks.

    Attributes:
        file: the .proto file, as its package imports it, or the Python file of a saga.
        line: counted from 1; 0 where the line is not known.
        rpc: what breaks the rule, such as ``InventoryService.ReserveStock``.
        rule: the rule's stable name, such as ``compensable-names-compensation``.
        message: what is wrong and what to do.
    """

    file: str
    line: int
    rpc: str
    rule: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.rpc}: [{self.rule}] {self.message}"
