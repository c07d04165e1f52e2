from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import InvalidRequest, Rejection
from services.payment.domain import (
    Booking,
    Payment,
    Purpose,
    State,
    authorize,
    capture,
    chargeable,
    refuse_card,
    void,
)

HOLD = Payment("pay_1", "order-1", "alice", State.AUTHORIZED, 100, datetime(2026, 5, 1, tzinfo=UTC))


def balances(bookings: list[Booking]) -> Counter[str]:
    accounts: Counter[str] = Counter()
    for booking in bookings:
        for account, amount in booking.entries():
            accounts[account] += amount
    return accounts


@given(st.integers(1, 10**18))
def test_a_voided_hold_leaves_every_account_as_it_was(amount: int) -> None:
    hold = Payment("pay_1", "order-1", "alice", State.AUTHORIZED, amount, HOLD.authorized_at)
    voided, bookings = void(hold)
    assert voided.state is State.VOIDED
    assert set(balances(authorize(hold) + bookings).values()) == {0}


@given(st.integers(1, 10**18), st.integers(1, 10**18))
def test_after_any_capture_the_holds_are_empty_and_the_customer_owes_the_sales(held: int, taken: int) -> None:
    hold = Payment("pay_1", "order-1", "alice", State.AUTHORIZED, held, HOLD.authorized_at)
    if taken > held:
        with pytest.raises(Rejection, match="more is to be captured"):
            capture(hold, taken)
        return
    captured, bookings = capture(hold, taken)
    assert (captured.state, captured.amount) == (State.CAPTURED, taken)
    assert balances(authorize(hold) + bookings) == {"customer:alice": taken, "holds": 0, "sales": -taken}


def test_a_voided_hold_can_be_voided_again_and_nothing_is_booked() -> None:
    voided, _ = void(HOLD)
    assert void(voided) == (voided, [])


def test_captured_is_final() -> None:
    captured, _ = capture(HOLD, 100)
    for again in (partial(void, captured), partial(capture, captured, 1)):
        with pytest.raises(Rejection) as caught:
            again()
        assert caught.value.reason == "PAYMENT_CAPTURED"


def test_a_voided_hold_cannot_be_captured() -> None:
    voided, _ = void(HOLD)
    with pytest.raises(Rejection) as caught:
        capture(voided, 1)
    assert caught.value.reason == "PAYMENT_VOIDED"


@pytest.mark.parametrize(("credit", "amount"), [("holds", 0), ("holds", -1), ("sales", 1)])
def test_a_booking_that_moves_no_money_cannot_be_constructed(credit: str, amount: int) -> None:
    with pytest.raises(ValueError, match="moves nothing"):
        Booking(Purpose.CAPTURE, "sales", credit, amount)


@pytest.mark.parametrize("amount", [0, -1])
def test_only_more_than_zero_can_be_charged(amount: int) -> None:
    with pytest.raises(InvalidRequest):
        chargeable(amount)


def test_most_cards_are_fine() -> None:
    refuse_card("tok_visa")
