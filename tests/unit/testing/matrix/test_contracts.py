"""Other contracts lead to other ends, which the matrix knows of."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.journal.state import Status
from orchestrator.testing.matrix import Verdict, fault_matrix
from tests.unit.testing.matrix.selling_saga import altered, sell

RESERVE, CAPTURE = "InventoryService.ReserveStock#1", "PaymentService.CapturePayment#1"
ONCE = RetryPolicy(attempts=1)
NOT_IDEMPOTENT: dict[str, Any] = {"idempotent": False}


@pytest.mark.parametrize(
    ("method", "changes", "cell", "end"),
    [
        ("ReserveStock", {"retry": ONCE}, (RESERVE, "delivery: down"), Status.COMPLETED),
        ("ReserveStock", {"on_unknown": OnUnknown.COMPENSATE}, (RESERVE, "delivery: down"), Status.COMPENSATED),
        ("ReserveStock", {"on_unknown": OnUnknown.SUSPEND}, (RESERVE, "delivery: down"), Status.SUSPENDED),
        (
            "ReserveStock",
            {"on_unknown": OnUnknown.SUSPEND, "retry": ONCE},
            (RESERVE, "delivery: times out after"),
            Status.SUSPENDED,
        ),
        (
            "ReserveStock",
            {"on_unknown": OnUnknown.COMPENSATE, **NOT_IDEMPOTENT},
            (RESERVE, "killed: intended"),
            Status.COMPENSATED,
        ),
        (
            "ReserveStock",
            {"on_unknown": OnUnknown.SUSPEND, **NOT_IDEMPOTENT},
            (RESERVE, "killed: answered"),
            Status.SUSPENDED,
        ),
        (
            "CapturePayment",
            {"on_unknown": OnUnknown.VERIFY, **NOT_IDEMPOTENT},
            (CAPTURE, "delivery: times out before"),
            Status.COMPLETED,
        ),
        (
            "CapturePayment",
            {"on_unknown": OnUnknown.COMPENSATE, "retry": ONCE},
            (CAPTURE, "delivery: times out after"),
            Status.SUSPENDED,
        ),
    ],
)
async def test_where_a_saga_ends_is_as_the_contract_says(
    method: str, changes: dict[str, Any], cell: tuple[str, str], end: Status
) -> None:
    matrix = await fault_matrix(altered(sell, method, **changes))
    assert matrix.passed
    assert matrix.cell(*cell).end is end


async def test_a_compensation_that_gives_up_suspends() -> None:
    undo = next(each.commands["ReserveStock"] for each in sell.participants if each.field == "inventory").compensation
    assert undo is not None
    impatient = dataclasses.replace(undo, on_unknown=OnUnknown.SUSPEND, retry=RetryPolicy(attempts=2))
    matrix = await fault_matrix(altered(sell, "ReserveStock", compensation=impatient))

    assert matrix.passed
    ends = {
        fault: matrix.cell(RESERVE, f"compensation: {fault}").end for fault in ("answer lost", "fails 3 times", "down")
    }
    assert ends == {"answer lost": Status.COMPENSATED, "fails 3 times": Status.SUSPENDED, "down": Status.SUSPENDED}


async def test_where_a_repeated_key_is_not_recognised_nothing_is_delivered_twice() -> None:
    matrix = await fault_matrix(altered(sell, "ReserveStock", idempotent=False, on_unknown=OnUnknown.SUSPEND))

    assert matrix.cell(RESERVE, "delivery: duplicate").verdict is Verdict.NOT_APPLICABLE
    # The start is durable with the first intent, which is then in doubt; nothing else of the scenario happens.
    elsewhere = matrix.cell(CAPTURE, "killed: started")
    assert elsewhere.verdict is Verdict.NOT_APPLICABLE
    assert elsewhere.explanation == f"it did not happen: no delivery of {CAPTURE} was hit"
