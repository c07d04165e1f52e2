"""The shop's own saga through every fault of every command."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.engine.run import failpoints
from orchestrator.journal.state import Status
from orchestrator.shop.place_order import place_order
from orchestrator.testing.matrix import Matrix, Verdict, fault_matrix
from orchestrator.testing.matrix.fault_cases import FAULT_CASES

COMPENSABLE = ["CreateOrder", "ReserveStock", "AuthorizePayment", "ArrangeShipment"]
PIVOT = ["CapturePayment"]
QUERIES = ["AssessOrder", "PriceOrder"]
FORWARD = ["SendConfirmation", "FulfilOrder", "CreditPoints"]
BEST_EFFORT = ["RecordOrder"]
ALL = [*COMPENSABLE, *PIVOT, *QUERIES, *FORWARD, *BEST_EFFORT]
COMPLETED, COMPENSATED, SUSPENDED = Status.COMPLETED, Status.COMPENSATED, Status.SUSPENDED


@pytest.fixture(scope="module")
def rows() -> dict[str, str]:
    return {step.command.method: f"{step.command.short_name}#1" for step in read_plan(place_order).steps()}


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return asyncio.run(fault_matrix(place_order))


def test_place_order_comes_to_a_legal_end_with_every_fault(matrix: Matrix) -> None:
    assert matrix.passed


async def test_it_also_does_where_its_commands_go_over_a_queue() -> None:
    over_queue = await fault_matrix(place_order, over_queue=True)

    assert over_queue.passed, over_queue


def test_every_command_of_its_plan_meets_every_fault(matrix: Matrix, rows: dict[str, str]) -> None:
    assert not matrix.unreached
    assert set(matrix.commands) == set(rows.values())
    assert [(cell.command, cell.fault) for cell in matrix.cells] == [
        (command, fault_case.title) for command in matrix.commands for fault_case in FAULT_CASES
    ]
    assert len({fault_case.title for fault_case in FAULT_CASES}) == len(FAULT_CASES)


def test_every_failpoint_has_its_column() -> None:
    assert {fault_case.name for fault_case in FAULT_CASES if fault_case.kind.name == "KILLED"} == set(failpoints.NAMES)


def test_a_fault_is_left_out_only_where_it_cannot_happen(matrix: Matrix, rows: dict[str, str]) -> None:
    excused: dict[str, set[str]] = {}
    for cell in matrix.cells:
        if cell.verdict is Verdict.NOT_APPLICABLE:
            excused.setdefault(cell.fault, set()).add(cell.command)
    no_compensation = {rows[name] for name in {*ALL} - {*COMPENSABLE}}
    assert excused == {
        "killed: intended": {rows[name] for name in QUERIES},
        "cancel: before": {rows[name] for name in QUERIES},
        "killed: rollback_began": {rows[name] for name in (*FORWARD, *BEST_EFFORT)},
        "killed: compensated": no_compensation,
        **{fault_case.title: no_compensation for fault_case in FAULT_CASES if fault_case.kind.name == "COMPENSATION"},
    }


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        (
            "delivery: rejected",
            {
                COMPENSATED: [*COMPENSABLE, *QUERIES, *PIVOT],
                SUSPENDED: FORWARD,
                COMPLETED: BEST_EFFORT,
            },
        ),
        ("delivery: times out after", {COMPLETED: ALL}),
        ("delivery: duplicate", {COMPLETED: ALL}),
        ("delivery: down", {COMPLETED: ALL}),
        ("delivery: late", {COMPENSATED: COMPENSABLE, COMPLETED: [*QUERIES, *PIVOT, *FORWARD, *BEST_EFFORT]}),
        ("killed: answered", {COMPLETED: ALL}),
        ("killed: compensated", {COMPENSATED: COMPENSABLE}),
        ("compensation: refused", {SUSPENDED: COMPENSABLE}),
        ("compensation: fails 3 times", {COMPENSATED: COMPENSABLE}),
        ("compensation: down", {COMPENSATED: COMPENSABLE}),
        ("cancel: before", {COMPENSATED: COMPENSABLE, COMPLETED: [*PIVOT, *FORWARD, *BEST_EFFORT]}),
        ("cancel: during", {COMPENSATED: [*COMPENSABLE, *QUERIES], COMPLETED: [*PIVOT, *FORWARD, *BEST_EFFORT]}),
    ],
)
def test_a_fault_leads_place_order_to_the_end_that_its_contract_says(
    matrix: Matrix, rows: dict[str, str], fault: str, ends: dict[Status, list[str]]
) -> None:
    for end, methods in ends.items():
        assert {method: matrix.cell(rows[method], fault).end for method in methods} == dict.fromkeys(methods, end)
