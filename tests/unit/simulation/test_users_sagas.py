"""A user's sagas in simulated worlds: a correct saga passes; a flaw of code, contract or participants is found."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import SagaRejected, saga, saga_id
from orchestrator.errors import ContractError, DefinitionError, InvalidInput
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.samples import Sampler, violations
from orchestrator.testing.simulation import Promise, sagas_under_test, simulate
from orchestrator.testing.simulation.inputs import sample_inputs
from shop.fraud.v1.fraud_pb2 import AssessOrderResponse
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest, CapturePaymentResponse
from tests.unit.simulation.engine_flaws import guard_is_missing
from tests.unit.testing.matrix.flaws import names_the_wrong_compensation
from tests.unit.testing.matrix.parent_sagas import collect, fulfil, wrap
from tests.unit.testing.matrix.parent_sagas import sell as parent
from tests.unit.testing.matrix.selling_saga import Shop, sell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.testing.simulation import Broken, Outcome, SagasUnderTest

    Definition = SagaDefinition[Any, Any, Any]

MOST_SEEDS = 40
EUROS = Sampler("euros").message(CapturePaymentRequest).amount


def worlds(sagas: SagasUnderTest, seeds: int) -> Sequence[Outcome]:
    return [simulate(seed, MemoryJournal, sagas) for seed in range(seeds)]


def first_broken(*definitions: Definition) -> Broken:
    """The first promise that these sagas break in any world."""
    sagas = sagas_under_test(definitions)
    for seed in range(MOST_SEEDS):
        if broken := simulate(seed, MemoryJournal, sagas).broken:
            return broken[0]
    pytest.fail(f"{MOST_SEEDS} worlds have not shown the flaw")


@pytest.mark.parametrize("definitions", [[sell], [parent, fulfil, wrap, collect]], ids=["alone", "with children"])
def test_a_correct_saga_keeps_every_promise(definitions: list[Definition]) -> None:
    outcomes = worlds(sagas_under_test(definitions), 15)

    assert not [broken for outcome in outcomes for broken in outcome.broken]
    assert {"completed", "compensated"} <= {end for outcome in outcomes for end in outcome.ends}


def test_a_saga_that_sends_the_same_request_twice_keeps_every_promise() -> None:
    @saga("twice", version=1)
    async def twice(request: StartOrderRequest, shop: Shop) -> Receipt:
        for _ in range(2):
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id(), lines=request.lines))
        return Receipt()

    assert not [broken for outcome in worlds(sagas_under_test([twice]), 10) for broken in outcome.broken]


def test_code_that_is_not_the_same_in_each_replay_is_found() -> None:
    calls: list[int] = []

    @saga("whimsical", version=1)
    async def whimsical(request: StartOrderRequest, shop: Shop) -> Receipt:
        calls.append(1)
        await shop.inventory.ReserveStock(ReserveStockRequest(order_id=f"o{len(calls)}", lines=request.lines))
        return Receipt()

    broken = first_broken(whimsical)
    assert broken.promise is Promise.REPLAY_IS_SILENT
    assert "DIVERGED" in broken.how


def test_code_that_sends_a_compensable_command_after_the_pivot_is_found() -> None:
    @saga("goes_back", version=1)
    async def goes_back(request: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id(), amount=EUROS))
        reserve = "ReserveStock"  # so that only its run shows what is called
        await getattr(shop.inventory, reserve)(ReserveStockRequest(order_id=saga_id(), lines=request.lines))
        return Receipt()

    broken = first_broken(goes_back)
    assert broken.promise is Promise.ONLY_FORWARDS
    assert "cannot follow the pivot" in broken.how


def test_code_that_fails_is_found_with_its_error() -> None:
    @saga("fails", version=1)
    async def fails(request: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id(), lines=request.lines))
        raise KeyError("no such price")

    broken = first_broken(fails)
    assert broken.promise is Promise.NOTHING_IS_LOST
    assert "no such price" in broken.how


def test_a_participant_without_a_guard_is_found() -> None:
    with guard_is_missing():
        assert first_broken(sell).promise is Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR


def test_a_contract_that_names_the_wrong_compensation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = first_broken(names_the_wrong_compensation(monkeypatch))

    assert broken.promise in {Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, Promise.IN_REVERSE_ORDER}
    assert "AuthorizePayment" in broken.how


def test_a_saga_without_its_child_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"sell v1 runs fulfil v2 as its child, which is not among the sagas"):
        sagas_under_test([parent, wrap, collect])


def test_children_are_started_by_their_parents_only() -> None:
    sagas = sagas_under_test([parent, fulfil, wrap, collect])

    assert [definition for definition, _ in sagas.starts] == [parent]


def test_no_saga_at_all_is_refused() -> None:
    with pytest.raises(DefinitionError, match="no saga to simulate"):
        sagas_under_test([])


def test_an_input_that_breaks_its_contract_is_refused() -> None:
    with pytest.raises(InvalidInput, match="email"):
        sagas_under_test([sell], inputs={"sell": [StartOrderRequest(email="nobody")]})


def test_an_input_that_cannot_be_made_up_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.testing.simulation.inputs.violations", lambda _message: (("sum", "is odd"),))

    with pytest.raises(DefinitionError, match=r"no input can be made up for sell v1, give one: sum: is odd"):
        sagas_under_test([sell])


@pytest.mark.parametrize("example", [{"AssessOrder": AssessOrderResponse()}, {"CapturePayment": AssessOrderResponse()}])
def test_an_example_that_fits_no_saga_is_refused(example: Any) -> None:  # noqa: ANN401 - messages of any kind
    with pytest.raises(ContractError, match="an example for"):
        sagas_under_test([sell], examples=example)


def test_an_example_decides_what_a_participant_replies() -> None:
    seen: set[str] = set()

    @saga("looks", version=1)
    async def looks(_request: StartOrderRequest, shop: Shop) -> Receipt:
        reply = await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id(), amount=EUROS))
        seen.add(reply.payment_id)
        if reply.payment_id != "P":
            raise SagaRejected("OTHER", "another payment")
        return Receipt()

    example = {"CapturePayment": CapturePaymentResponse(payment_id="P")}
    assert not simulate(1, MemoryJournal, sagas_under_test([looks], examples=example)).broken
    assert seen == {"P"}


def test_inputs_keep_their_contract_differ_and_are_the_same_each_time() -> None:
    inputs = sample_inputs("sell v1", StartOrderRequest)

    assert inputs == sample_inputs("sell v1", StartOrderRequest)
    assert not [wrong for each in inputs for wrong in violations(each)]
    assert {each.member for each in inputs} == {True, False}
    assert {len(each.lines) for each in inputs} == {1, 2, 3}


def test_contracts_are_as_declared_unless_they_are_to_be_varied() -> None:
    declared, varied = sagas_under_test([sell]), sagas_under_test([sell], varies_contracts=True)

    assert declared.draw(Random(1)) == (sell,)
    assert varied.draw(Random(1))[0].participants != sell.participants
