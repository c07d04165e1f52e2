"""What one gives the matrix, and what it gives back."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator import CommandRejected, SagaRejected, saga, scope
from orchestrator.engine.run import failpoints
from orchestrator.errors import ContractError, DefinitionError, InvalidInput
from orchestrator.journal.state import Status
from orchestrator.shop.place_order import place_order
from orchestrator.testing.examples import read_examples, read_input
from orchestrator.testing.matrix import Verdict, fault_matrix
from orchestrator.testing.samples import Sampler
from shop.fraud.v1.fraud_pb2 import VERDICT_DECLINE, AssessOrderResponse
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest, CapturePaymentResponse
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from tests.unit.testing.matrix.selling_saga import Shop, altered, failed, sell

if TYPE_CHECKING:
    from pathlib import Path

EUROS = Sampler("euros").message(CapturePaymentRequest).amount
RESERVE = "InventoryService.ReserveStock#1"


def order(**fields: object) -> StartOrderRequest:
    made_up = Sampler("test").message(StartOrderRequest)
    for field, value in fields.items():
        setattr(made_up, field, value)
    return made_up


async def test_what_an_order_does_not_reach_is_told() -> None:
    matrix = await fault_matrix(place_order, order(member=False))

    assert matrix.passed
    assert matrix.unreached == ("RewardsService.CreditPoints",)
    assert "not reached with this input: RewardsService.CreditPoints" in str(matrix)
    assert not any("CreditPoints" in command for command in matrix.commands)


async def test_a_saga_that_does_not_complete_without_any_fault_is_refused() -> None:
    risky = AssessOrderResponse(verdict=VERDICT_DECLINE, score=99)

    with pytest.raises(DefinitionError, match=r"without any fault, place_order v1 is compensated .* 99"):
        await fault_matrix(place_order, examples={"AssessOrder": risky})


async def test_a_reply_is_pinned_and_the_rest_of_it_made_up() -> None:
    seen: set[str] = set()

    @saga("looks", version=1)
    async def looks(_request: StartOrderRequest, shop: Shop) -> Receipt:
        reply = await shop.payment.CapturePayment(CapturePaymentRequest(order_id="o", amount=EUROS))
        seen.add(reply.payment_id)
        return Receipt()

    await fault_matrix(looks)
    made_up, seen = seen, set()
    matrix = await fault_matrix(
        looks, order(), {"PaymentService.CapturePayment": CapturePaymentResponse(payment_id="P")}
    )

    assert matrix.passed
    assert (len(made_up), seen) == (1, {"P"})


async def test_a_command_that_is_sent_twice_has_two_rows() -> None:
    @saga("twice", version=1)
    async def twice(request: StartOrderRequest, shop: Shop) -> Receipt:
        for number in range(2):
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id=f"o{number}", lines=request.lines))
        return Receipt()

    matrix = await fault_matrix(twice)
    assert matrix.passed
    assert matrix.commands == (RESERVE, "InventoryService.ReserveStock#2")
    assert "│ InventoryService.ReserveStock#2 │" in str(matrix)


async def test_an_order_that_breaks_its_contract_is_refused() -> None:
    with pytest.raises(InvalidInput, match="email"):
        await fault_matrix(place_order, order(email="nobody"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("AssessOder", "an example for AssessOder: no participant of place_order v1 has such an rpc"),
        ("CancelOrder", "replies shop.product.v1.CancelOrderResponse, not shop.fraud.v1.AssessOrderResponse"),
    ],
)
async def test_an_example_for_nothing_is_refused(name: str, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        await fault_matrix(place_order, examples={name: AssessOrderResponse()})


def test_an_order_and_examples_are_read(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps({"customer_id": "ada"}))
    assert read_input(place_order, path) == StartOrderRequest(customer_id="ada")
    path.write_text(json.dumps({"AssessOrder": {"verdict": "VERDICT_DECLINE"}}))
    assert read_examples(place_order, path) == {"AssessOrder": AssessOrderResponse(verdict=VERDICT_DECLINE)}


@pytest.mark.parametrize("text", ["[]", "{", '{"AssessOrder": {"verdit": 1}}', '{"Assess": {}}', '{"AssessOrder": 1}'])
def test_examples_that_do_not_fit_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(ContractError):
        read_examples(place_order, path)


async def test_a_saga_that_handles_a_rejection_may_complete() -> None:
    @saga("forgives", version=1)
    async def forgives(request: StartOrderRequest, shop: Shop) -> Receipt:
        try:
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id="o", lines=request.lines))
        except CommandRejected:
            return Receipt()
        return Receipt()

    matrix = await fault_matrix(forgives)
    assert matrix.passed
    assert matrix.cell(RESERVE, "delivery: rejected").end is Status.COMPLETED
    assert matrix.cell(RESERVE, "killed: rollback_began").explanation == "the code handles its failure"
    assert matrix.cell(RESERVE, "cancel: during").end is Status.COMPENSATED


async def test_code_that_is_not_the_same_in_each_replay_fails_where_the_orchestrator_is_killed() -> None:
    calls: list[int] = []

    @saga("whimsical", version=1)
    async def whimsical(request: StartOrderRequest, shop: Shop) -> Receipt:
        calls.append(1)
        await shop.inventory.ReserveStock(ReserveStockRequest(order_id=f"o{len(calls)}", lines=request.lines))
        return Receipt()

    matrix = await fault_matrix(whimsical)
    assert not matrix.passed
    assert set(failed(matrix)) == {"killed: started", "killed: intended", "killed: answered"}
    assert all("DIVERGED" in cell.explanation for cell in matrix.failures)


async def test_code_that_gives_up_by_itself_is_refused_with_its_reason() -> None:
    @saga("gives_up", version=1)
    async def gives_up(_request: StartOrderRequest, _shop: Shop) -> Receipt:
        raise SagaRejected("NO", "rather not")

    with pytest.raises(DefinitionError, match="rather not"):
        await fault_matrix(gives_up)


async def test_matrices_at_once_do_not_meet_and_leave_nothing_behind() -> None:
    first, second = await asyncio.gather(fault_matrix(sell), fault_matrix(altered(sell, "ReserveStock")))

    assert (first.passed, second.passed) == (True, True)
    assert first.cells == second.cells
    assert not failpoints._armed


async def test_a_matrix_shows_and_tells_all_its_cells() -> None:
    matrix = await fault_matrix(sell)
    shown, told = str(matrix), matrix.as_json()

    assert shown == repr(matrix)
    assert shown.endswith(matrix.summary())
    assert shown.count("✓") == matrix.counts()[Verdict.PASSED]
    assert shown.count("·") == matrix.counts()[Verdict.NOT_APPLICABLE]
    assert (told["saga"], told["passed"], len(told["cells"])) == ("sell v1", True, len(matrix.cells))
    assert json.loads(json.dumps(told)) == told
    assert str(matrix.cell(RESERVE, "delivery: rejected")) == (
        f"{RESERVE}: delivery: rejected: compensated, passed: REJECTED: {RESERVE}: FAILED_PRECONDITION "
        "(MOCK_REJECTION): the mock was told to reject this; 1 commands: 0 effects stand, 0 compensated, "
        "0 kept out, 0 in disorder"
    )


async def test_branches_side_by_side_meet_every_fault_too() -> None:
    @saga("spread", version=1)
    async def spread(request: StartOrderRequest, shop: Shop) -> Receipt:
        async def reserve(name: str) -> None:
            with scope(name):
                await shop.inventory.ReserveStock(ReserveStockRequest(order_id=name, lines=request.lines))
                await shop.inventory.ReserveStock(ReserveStockRequest(order_id=f"{name}-2", lines=request.lines))

        async with asyncio.TaskGroup() as group:
            group.create_task(reserve("a"))
            group.create_task(reserve("b"))
        await shop.payment.CapturePayment(CapturePaymentRequest(order_id="o", amount=EUROS))
        return Receipt()

    matrix = await fault_matrix(spread)
    assert matrix.passed
    assert [command.partition("Inv")[0] for command in matrix.commands] == [
        "a/",
        "b/",
        "a/",
        "b/",
        "PaymentService.CapturePayment#1",
    ]


async def test_a_deadline_may_roll_back_what_would_have_completed() -> None:
    @saga("hurried", version=1, deadline=timedelta(seconds=3), reserve=timedelta(seconds=1))
    async def hurried(request: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(ReserveStockRequest(order_id="o", lines=request.lines))
        return Receipt()

    matrix = await fault_matrix(hurried)
    assert matrix.passed
    assert matrix.cell(RESERVE, "delivery: times out before").end is Status.COMPENSATED
    assert matrix.cell(RESERVE, "delivery: fails before").end is Status.COMPLETED
    # It takes longer than the deadline to notice that the orchestrator is dead.
    assert matrix.cell(RESERVE, "killed: started").verdict is Verdict.NOT_APPLICABLE


async def test_a_first_query_that_was_refused_may_be_asked_again_after_a_kill() -> None:
    @saga("asks", version=1)
    async def asks(request: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.pricing.PriceOrder(PriceOrderRequest(lines=request.lines, country="DE"))
        await shop.payment.CapturePayment(CapturePaymentRequest(order_id="o", amount=EUROS))
        return Receipt()

    matrix = await fault_matrix(asks)
    assert matrix.passed, str(matrix)
