"""The fault matrix knows what a saga's code waits for."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.testing.matrix import Matrix, fault_matrix
from orchestrator.testing.matrix.cell import Verdict
from orchestrator.testing.matrix.wait_cases import WAIT_CASES
from orchestrator.testing.simulation.example_sagas import patience
from tests.support.waiting_sagas import approved

APPROVAL = "signal:approval#1"


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return asyncio.run(fault_matrix(approved))


def test_a_saga_that_waits_for_a_day_comes_to_a_legal_end_with_every_fault(matrix: Matrix) -> None:
    assert matrix.passed, matrix
    assert [cell.fault for cell in matrix.waits] == [case.title for case in WAIT_CASES]
    assert all(cell.verdict is Verdict.PASSED for cell in matrix.waits)
    assert "approved v1: the code waits" in str(matrix)


def test_nobody_who_decides_leads_to_a_rollback(matrix: Matrix) -> None:
    assert matrix.cell(APPROVAL, "wait: unsaid").explanation.startswith("TIMED_OUT: ")


def test_waits_side_by_side_and_within_limits_come_to_a_legal_end() -> None:
    matrix = asyncio.run(fault_matrix(patience))

    assert matrix.passed, matrix
    assert {cell.verdict for cell in matrix.waits} == {Verdict.PASSED, Verdict.NOT_APPLICABLE}
