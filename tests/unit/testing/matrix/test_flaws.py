"""No cell passes by itself: the cells that a flaw concerns fail, and say why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.testing.matrix import fault_matrix, scenario_run
from orchestrator.testing.matrix.fault_case import FaultKind
from orchestrator.testing.matrix.fault_cases import FAULT_CASES
from tests.unit.testing.matrix import flaws
from tests.unit.testing.matrix.selling_saga import failed, sell

if TYPE_CHECKING:
    from tests.unit.testing.matrix.flaws import Flaw

COMPENSABLE: Final = {"ReserveStock", "AuthorizePayment"}
EFFECTS: Final = {*COMPENSABLE, "CapturePayment", "CreditPoints", "RecordOrder"}
ALL: Final = {*EFFECTS, "PriceOrder"}
TITLES: Final = [fault_case.title for fault_case in FAULT_CASES]
# Those in which something is compensated that was done, and the saga is to end compensated.
ROLLED_BACK: Final = {
    "delivery: rejected",
    "delivery: late",
    "front: refused",
    "front: refused after doubt",
    "killed: started",
    "killed: rollback_began",
    "killed: compensated",
    "killed: ended",
    "compensation: fails 3 times",
    "compensation: answer lost",
    "compensation: fronted after",
    "compensation: duplicate",
    "compensation: down",
    "cancel: before",
    "cancel: during",
    "cancel: after",
}


async def test_without_a_flaw_none_fails() -> None:
    assert (await fault_matrix(sell)).passed


@pytest.mark.parametrize(
    ("introduce", "expected"),
    [
        (
            flaws.forgets_its_keys,
            {
                "delivery: fails after": EFFECTS,
                "delivery: times out after": EFFECTS,
                "front: refused after doubt": {"CreditPoints"},
                "front: garbled": EFFECTS,
                "delivery: duplicate": EFFECTS,
                "delivery: late": EFFECTS,
                "killed: answered": ALL,
            },
        ),
        (flaws.lets_late_commands_in, {"delivery: late": COMPENSABLE}),
        (flaws.gives_compensations_up, {"compensation: down": COMPENSABLE}),
        (flaws.believes_that_refused_compensations_succeeded, {"compensation: refused": COMPENSABLE}),
        (
            flaws.cancels_after_the_pivot,
            {
                "cancel: before": {"CapturePayment", "CreditPoints", "RecordOrder"},
                "cancel: during": {"CapturePayment", "CreditPoints", "RecordOrder"},
                "cancel: after": {"AuthorizePayment", "CapturePayment", "CreditPoints", "RecordOrder"},
            },
        ),
        (
            flaws.sends_again_what_is_journalled,
            {
                "killed: intended": EFFECTS - {"ReserveStock"},
                "killed: answered": EFFECTS - {"ReserveStock"},
            },
        ),
        (
            flaws.recovers_nothing,
            {
                "killed: started": ALL,
                "killed: intended": EFFECTS,
                "killed: answered": ALL,
                "killed: rollback_began": {*COMPENSABLE, "PriceOrder", "CapturePayment"},
                "killed: compensated": COMPENSABLE,
            },
        ),
    ],
)
async def test_the_cells_that_a_flaw_concerns_fail_and_no_others(
    introduce: Flaw, expected: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = introduce(monkeypatch) or sell
    assert failed(await fault_matrix(definition)) == expected


@pytest.mark.parametrize(
    ("introduce", "faults", "said"),
    [
        (
            flaws.pretends_to_compensate,
            {*ROLLED_BACK, "compensation: refused"},
            "InventoryService.ReserveStock#1 stands",
        ),
        (
            flaws.names_the_wrong_compensation,
            {*ROLLED_BACK, "compensation: refused"} - {"cancel: before", "cancel: after"},
            "the saga is compensated, and matrix/PaymentService.AuthorizePayment#1 stands",
        ),
        (flaws.says_that_it_does_nothing, set(TITLES), "ReserveStock#1 stands"),
        (
            flaws.says_that_it_is_not_the_pivot,
            {
                *(
                    "delivery: rejected",
                    "front: refused",
                    "killed: started",
                    "killed: rollback_began",
                    "killed: ended",
                ),
                *("cancel: before", "cancel: during", "cancel: after"),
            },
            "EFFECT_STANDS: nothing takes back",
        ),
        (
            flaws.takes_timeouts_for_rejections,
            {
                *("delivery: fails before", "delivery: fails after", "delivery: times out before"),
                *("delivery: times out after", "delivery: late", "delivery: down"),
                *("front: refused after doubt", "compensation: fronted after"),
                *("compensation: fails 3 times", "compensation: answer lost", "compensation: down"),
            },
            "the saga is compensated, and matrix/InventoryService.ReserveStock#1 stands",
        ),
        (
            flaws.forgets_a_compensation,
            {*ROLLED_BACK, "compensation: refused"},
            "the saga is compensated, and matrix/InventoryService.ReserveStock#1 stands",
        ),
        (
            flaws.compensates_in_order_of_start,
            ROLLED_BACK - {"cancel: before", "cancel: after"},
            "in another order than the reverse of the start: matrix/InventoryService.ReserveStock#1, matrix",
        ),
        (flaws.gives_each_attempt_a_key, set(TITLES), "ReserveStock#1-2 stands, and the journal does not know of it"),
        (flaws.sends_before_the_intent_is_durable, set(TITLES), "was sent before its intent was durable"),
        (
            flaws.never_sees_the_pivot,
            {
                *("delivery: rejected", "front: refused", "killed: started", "killed: ended"),
                *("cancel: before", "cancel: during", "cancel: after"),
            },
            "was sent although the pivot was accepted",
        ),
    ],
)
async def test_a_flaw_makes_the_faults_fail_that_show_the_flaw(
    introduce: Flaw, faults: set[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = await fault_matrix(introduce(monkeypatch) or sell)
    assert set(failed(matrix)) == faults
    assert any(said in cell.explanation for cell in matrix.failures)
    assert said in str(matrix)


def test_every_kind_of_fault_is_looked_at() -> None:
    assert {fault_case.kind for fault_case in FAULT_CASES} == set(FaultKind)


async def test_a_queue_whose_later_deliveries_are_believed_to_settle_the_earlier_ones_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scenario_run, "after_another_delivery", lambda outcome: outcome)

    matrix = await fault_matrix(sell, over_queue=True)

    assert set(failed(matrix)) == {"front: refused after doubt", "compensation: fronted after"}
    assert any("ReserveStock#1 stands" in cell.explanation for cell in matrix.failures)
