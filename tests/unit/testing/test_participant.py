"""The pure core of the mocks: its guard, its ledger, its faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ContractError
from orchestrator.journal.outcome import Completed, Rejected, Unknown
from orchestrator.testing.mock import ContractParticipant, EffectLedger, Fault, InProcessParticipants
from shop.inventory.v1.inventory_pb2 import (
    DESCRIPTOR,
    ReleaseStockRequest,
    ReserveStockRequest,
    ReserveStockResponse,
)
from shop.payment.v1 import payment_pb2 as payment
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Caller, Participants

INVENTORY = DESCRIPTOR.services_by_name["InventoryService"]
RESERVE, RELEASE, SHOW = (
    f"shop.inventory.v1.InventoryService.{name}" for name in ("ReserveStock", "ReleaseStock", "GetStock")
)


class Shop:
    """A mock of the inventory and short ways to call it."""

    def __init__(self) -> None:
        self.mock = ContractParticipant([INVENTORY])

    def reserve(
        self, key: str = "saga/reserve", fault: Fault = Fault.NONE, *, order: str = "1", quantity: int = 1
    ) -> Outcome:
        request = ReserveStockRequest(order_id=order, lines=[Line(sku="MUG", quantity=quantity)])
        metadata = (("idempotency-key", key),) if key else ()
        return self.mock.answer(self.mock.commands[RESERVE], request.SerializeToString(), metadata, fault)

    def release(
        self, compensates: str = "saga/reserve", fault: Fault = Fault.NONE, *, order: str = "1", key: str = "saga/undo"
    ) -> Outcome:
        request = ReleaseStockRequest(order_id=order).SerializeToString()
        said = (("idempotency-key", key), ("compensates", compensates))
        metadata = tuple((name, value) for name, value in said if value)
        return self.mock.answer(self.mock.commands[RELEASE], request, metadata, fault)

    def counts(self, key: str = "saga/reserve") -> tuple[int, int, int]:
        entry = self.mock.ledger.of(key)
        assert entry is not None
        return entry.intended, entry.applied, entry.compensated


@pytest.fixture
def shop() -> Shop:
    return Shop()


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Rejected)
    return outcome.failure.reason


def test_a_reply_is_valid_and_has_the_ids_of_the_request(shop: Shop) -> None:
    outcome = shop.reserve(quantity=3)

    assert isinstance(outcome, Completed)
    (line,) = ReserveStockResponse.FromString(outcome.reply).lines
    assert (line.sku, line.quantity) == ("MUG", 3)


def test_the_same_calls_get_the_same_answers_from_any_mock() -> None:
    assert [Shop().reserve() for _ in range(2)] == [Shop().reserve()] * 2


def test_a_repeated_key_gets_the_same_reply_and_no_second_effect(shop: Shop) -> None:
    assert shop.reserve() == shop.reserve()
    assert shop.counts() == (2, 1, 0)


def test_a_key_with_another_request_is_refused(shop: Shop) -> None:
    shop.reserve()

    assert reason(shop.reserve(quantity=2)) == "IDEMPOTENCY_KEY_REUSED"
    assert shop.mock.ledger.balance() == {RESERVE: 1}


def test_a_compensation_takes_the_effect_back_once(shop: Shop) -> None:
    shop.reserve()

    assert shop.release() == shop.release()
    assert isinstance(shop.release(key="saga/undo-again"), Completed)
    assert shop.counts() == (1, 1, 1)
    assert shop.mock.ledger.balance() == {}


def test_a_compensation_that_comes_first_keeps_its_command_out(shop: Shop) -> None:
    assert isinstance(shop.release(), Completed)

    assert reason(shop.reserve()) == "COMMAND_COMPENSATED"
    assert shop.counts() == (1, 0, 0)
    entry = shop.mock.ledger.of("saga/reserve")
    assert entry is not None
    assert entry.kept_out


def test_a_command_after_its_compensation_is_refused(shop: Shop) -> None:
    shop.reserve()
    shop.release()

    assert reason(shop.reserve()) == "COMMAND_COMPENSATED"
    assert shop.mock.ledger.standing() == ()


def test_a_rejection_is_final_and_has_no_effect(shop: Shop) -> None:
    first = shop.reserve(fault=Fault.REJECT)

    assert reason(first) == "MOCK_REJECTION"
    assert shop.reserve() == first
    assert isinstance(shop.release(), Completed)
    assert shop.reserve() == first
    assert shop.counts() == (3, 0, 0)


def test_a_command_that_took_effect_is_not_rejected_afterwards(shop: Shop) -> None:
    first = shop.reserve()

    assert shop.reserve(fault=Fault.REJECT) == first


def test_a_rejected_compensation_may_succeed_later(shop: Shop) -> None:
    shop.reserve()

    assert reason(shop.release(fault=Fault.REJECT)) == "MOCK_REJECTION"
    assert len(shop.mock.ledger.standing()) == 1
    assert isinstance(shop.release(), Completed)
    assert shop.mock.ledger.standing() == ()


@pytest.mark.parametrize(
    ("fault", "code", "effects"),
    [
        (Fault.FAIL_BEFORE, "UNAVAILABLE", 0),
        (Fault.FAIL_AFTER, "UNAVAILABLE", 1),
        (Fault.TIMEOUT_BEFORE, "DEADLINE_EXCEEDED", 0),
        (Fault.TIMEOUT_AFTER, "DEADLINE_EXCEEDED", 1),
        (Fault.LATE, "DEADLINE_EXCEEDED", 0),
    ],
)
def test_a_lost_answer_says_nothing_about_the_effect(shop: Shop, fault: Fault, code: str, effects: int) -> None:
    outcome = shop.reserve(fault=fault)

    assert isinstance(outcome, Unknown)
    assert outcome.failure.code == code
    assert sum(shop.mock.ledger.balance().values()) == effects
    assert isinstance(shop.reserve(), Completed)
    assert shop.mock.ledger.balance() == {RESERVE: 1}


def test_a_duplicate_arrives_twice_and_takes_effect_once(shop: Shop) -> None:
    assert isinstance(shop.reserve(fault=Fault.DUPLICATE), Completed)
    assert shop.counts() == (2, 1, 0)


def test_a_late_command_arrives_after_its_compensation_and_has_no_effect(shop: Shop) -> None:
    shop.reserve(fault=Fault.LATE)
    shop.release("saga/another")
    assert shop.mock.ledger.of("saga/reserve") is None

    shop.release(key="saga/its-undo")

    assert shop.counts() == (1, 0, 0)
    assert shop.mock.ledger.disorders() == ()


def test_late_deliveries_can_be_let_in(shop: Shop) -> None:
    shop.reserve(fault=Fault.LATE)

    assert shop.mock.deliver_late() == 1
    assert shop.mock.deliver_late() == 0
    assert shop.counts() == (1, 1, 0)


def test_without_keys_every_command_is_a_new_one_and_is_undone_by_its_request(shop: Shop) -> None:
    shop.reserve("", order="1")
    shop.reserve("", order="1")
    shop.reserve("saga/2", order="2")
    assert shop.mock.ledger.balance() == {RESERVE: 3}

    shop.release("", order="2", key="")

    assert [entry.key for entry in shop.mock.ledger.standing()] == [
        "(no key)/InventoryService.ReserveStock#1",
        "(no key)/InventoryService.ReserveStock#2",
    ]


def test_an_invalid_request_names_its_fields(shop: Shop) -> None:
    outcome = shop.reserve(order="", quantity=0)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.code == "INVALID_ARGUMENT"
    assert "order_id: " in outcome.failure.message
    assert "lines[0].quantity: " in outcome.failure.message
    assert len(shop.mock.ledger) == 0


def test_bytes_that_are_no_request_are_refused(shop: Shop) -> None:
    assert reason(shop.mock.answer(shop.mock.commands[RESERVE], b"\xff\xff")) == "MALFORMED_REQUEST"


def test_verify_tells_which_commands_took_effect() -> None:
    mock = ContractParticipant([payment.DESCRIPTOR.services_by_name["PaymentService"]])
    authorize, show, void = (
        mock.commands[f"shop.payment.v1.PaymentService.{name}"]
        for name in ("AuthorizePayment", "GetPayment", "VoidAuthorization")
    )
    hold = payment.AuthorizePaymentRequest(
        order_id="1", customer_id="a", amount={"currency_code": "EUR", "units": 5}, card_token="tok"
    ).SerializeToString()
    question = payment.GetPaymentRequest(order_id="1").SerializeToString()

    def verified() -> Outcome:
        return mock.answer(show, question, (("verifies", "1/authorize"),))

    assert reason(verified()) == "COMMAND_NOT_SEEN"
    taken = mock.answer(authorize, hold, (("idempotency-key", "1/authorize"),))
    shown = verified()
    assert isinstance(taken, Completed)
    assert isinstance(shown, Completed)
    reply = payment.GetPaymentResponse.FromString(shown.reply)
    assert reply.payment_id == payment.AuthorizePaymentResponse.FromString(taken.reply).payment_id
    assert reply.payment.amount.units == 5
    mock.answer(void, question, (("compensates", "1/authorize"),))
    assert reason(verified()) == "COMMAND_NOT_SEEN"


def test_the_ledger_reports_every_change() -> None:
    told: list[tuple[str, str]] = []
    shop = Shop()
    shop.mock = ContractParticipant([INVENTORY], EffectLedger(lambda what, entry: told.append((what, entry.key))))
    shop.reserve()
    shop.release()
    shop.release("saga/never", key="saga/undo-never")

    assert told == [
        ("intended", "saga/reserve"),
        ("applied", "saga/reserve"),
        ("compensated", "saga/reserve"),
        ("kept_out", "saga/never"),
    ]
    assert shop.mock.ledger.summary() == "2 commands: 0 effects stand, 1 compensated, 1 kept out, 0 in disorder"


def test_the_ledger_finds_disorders() -> None:
    ledger = EffectLedger()
    for key in ("twice", "sound"):
        ledger.intend(key, RESERVE)
        ledger.apply(key)
    ledger.apply("twice")
    ledger.intend("too often", RESERVE)
    ledger.compensate("too often")

    assert [entry.key for entry in ledger.disorders()] == ["twice", "too often"]


def test_the_engine_meets_the_mock_through_its_own_ports(shop: Shop) -> None:
    faults = {1: Fault.TIMEOUT_AFTER}
    calls = iter(range(1, 10))
    participants: Participants = InProcessParticipants(shop.mock, lambda _, __: faults.get(next(calls), Fault.NONE))
    caller: Caller = participants.caller(shop.mock.commands[RESERVE])
    request = ReserveStockRequest(order_id="1", lines=[Line(sku="MUG", quantity=1)]).SerializeToString()

    async def attempts() -> list[Outcome]:
        return [await caller(request, (("idempotency-key", "k"),), 1.0) for _ in range(2)]

    first, second = asyncio.run(attempts())
    assert isinstance(first, Unknown)
    assert isinstance(second, Completed)
    assert shop.counts("k") == (2, 1, 0)


def test_a_mock_of_nothing_is_refused() -> None:
    with pytest.raises(ContractError, match="at least one unary rpc"):
        ContractParticipant([])


def test_the_guard_echoes_recorded_answers_and_refusals_of_compensated_commands(shop: Shop) -> None:
    rejected = shop.reserve("rejected", Fault.REJECT), shop.reserve("rejected")
    shop.release("kept out", key="undo")
    kept_out = shop.reserve("kept out")

    assert [is_echoed(each) for each in (*rejected, kept_out)] == [True] * 3


def test_the_guard_echoes_no_answer_that_holds_for_one_attempt_only(shop: Shop) -> None:
    shop.reserve()
    reused = shop.reserve(quantity=2)
    malformed = shop.mock.answer(shop.mock.commands[RESERVE], b"\xff\xff", (("idempotency-key", "saga/reserve"),))
    invalid = shop.mock.answer(shop.mock.commands[RESERVE], b"", (("idempotency-key", "saga/reserve"),))
    unrecorded = shop.release(fault=Fault.REJECT)
    keyless = shop.reserve("", Fault.REJECT)

    assert [is_echoed(each) for each in (reused, malformed, invalid, unrecorded, keyless)] == [False] * 5


def is_echoed(outcome: Outcome) -> bool:
    assert isinstance(outcome, Rejected)
    return outcome.echoed
