"""The fault matrix knows what a saga's code waits for."""

from __future__ import annotations

import asyncio

import pytest
from google.type.money_pb2 import Money

from orchestrator.shop.place_order import APPROVAL_LIMIT, place_order_2
from orchestrator.testing.matrix import Matrix, fault_matrix
from orchestrator.testing.matrix.cell import Verdict
from orchestrator.testing.matrix.wait_cases import WAIT_CASES
from orchestrator.testing.simulation.example_sagas import patience
from shop.pricing.v1.pricing_pb2 import PriceOrderResponse

APPROVAL = "signal:approval#1"


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    expensive = PriceOrderResponse(total=Money(currency_code="EUR", units=APPROVAL_LIMIT))
    return asyncio.run(fault_matrix(place_order_2, examples={"PriceOrder": expensive}))


def test_an_order_that_waits_for_its_approval_comes_to_a_legal_end_with_every_fault(matrix: Matrix) -> None:
    assert matrix.passed, matrix
    assert [cell.fault for cell in matrix.waits] == [case.title for case in WAIT_CASES]
    assert all(cell.verdict is Verdict.PASSED for cell in matrix.waits)
    assert "place_order v2: the code waits" in str(matrix)


def test_nobody_who_decides_leads_to_a_rollback(matrix: Matrix) -> None:
    assert matrix.cell(APPROVAL, "wait: unsaid").explanation.startswith("TIMED_OUT: ")


def test_waits_side_by_side_and_within_limits_come_to_a_legal_end() -> None:
    matrix = asyncio.run(fault_matrix(patience))

    assert matrix.passed, matrix
    assert {cell.verdict for cell in matrix.waits} == {Verdict.PASSED, Verdict.NOT_APPLICABLE}
