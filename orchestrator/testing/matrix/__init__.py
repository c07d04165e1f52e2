"""The fault matrix: a saga through every fault of every command, on mocks made from its contracts."""

from orchestrator.testing.matrix.cell import Cell, Verdict
from orchestrator.testing.matrix.kit import fault_matrix
from orchestrator.testing.matrix.report import Matrix

__all__ = ["Cell", "Matrix", "Verdict", "fault_matrix"]
