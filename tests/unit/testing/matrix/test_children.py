"""A saga with children in the fault matrix: each child is a command of its parent, hit by every fault."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ContractError
from orchestrator.journal.state import Status
from orchestrator.testing.examples import find_command
from orchestrator.testing.matrix import Verdict, fault_matrix
from shop.order.v1.order_pb2 import Receipt
from tests.unit.testing.matrix.parent_sagas import collect, fulfil, sell, wrap

if TYPE_CHECKING:
    from orchestrator.testing.matrix import Matrix

PRICE, AUTHORIZE, FULFIL, COLLECT, CREDIT = (
    "PricingService.PriceOrder#1",
    "PaymentService.AuthorizePayment#1",
    "saga.fulfil.v2#1",
    "saga.collect#1",
    "RewardsService.CreditPoints#1",
)


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return asyncio.run(fault_matrix(sell, examples={"collect": Receipt(carrier="own")}))


def test_children_are_rows_among_the_commands_of_their_parent(matrix: Matrix) -> None:
    assert matrix.commands == (FULFIL, PRICE, AUTHORIZE, COLLECT, CREDIT)
    assert matrix.unreached == ()
    assert matrix.passed, matrix


def test_a_child_that_is_refused_rolls_its_parent_back(matrix: Matrix) -> None:
    assert matrix.cell(FULFIL, "delivery: rejected").end is Status.COMPENSATED
    assert matrix.cell(COLLECT, "delivery: rejected").end is Status.COMPENSATED


def test_a_child_that_can_be_rolled_back_has_a_compensation_and_a_pivot_has_none(matrix: Matrix) -> None:
    assert matrix.cell(FULFIL, "compensation: refused").end is Status.SUSPENDED
    assert matrix.cell(COLLECT, "compensation: refused").verdict is Verdict.NOT_APPLICABLE


def test_an_orchestrator_that_dies_beside_its_child_finds_it_again(matrix: Matrix) -> None:
    assert matrix.cell(FULFIL, "killed: intended").end is Status.COMPLETED
    assert matrix.cell(COLLECT, "killed: answered").end is Status.COMPLETED


@pytest.mark.parametrize("name", ["fulfil.v2", "saga.fulfil.v2"])
def test_an_example_names_a_child(name: str) -> None:
    assert find_command(sell, name).name == "saga.fulfil.v2"


def test_an_example_for_a_child_that_there_is_not_is_told() -> None:
    with pytest.raises(ContractError, match="no participant of sell v1 has such an rpc"):
        find_command(sell, "fulfil")


@pytest.mark.parametrize("definition", [wrap, fulfil, collect])
async def test_children_have_matrices_of_their_own(definition: object) -> None:
    assert (await fault_matrix(definition)).passed  # type: ignore[arg-type]
