from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from services.chassis import Rejection
from services.rewards import store
from services.rewards.domain import Credit

if TYPE_CHECKING:
    from sqlalchemy import Connection


def test_the_first_order_opens_the_balance_and_the_next_adds_to_it(connection: Connection) -> None:
    assert store.credit(connection, "order-7", "ada", 12) == Credit(points=12, balance=12)
    assert store.credit(connection, "order-8", "ada", 30) == Credit(points=30, balance=42)

    assert store.balance(connection, "ada") == 42


def test_an_order_is_credited_once(connection: Connection) -> None:
    store.credit(connection, "order-7", "ada", 12)

    assert store.credit(connection, "order-7", "ada", 99) == Credit(points=12, balance=12)


def test_an_order_worth_nothing_still_makes_a_member(connection: Connection) -> None:
    assert store.credit(connection, "order-7", "ada", 0) == Credit(points=0, balance=0)

    assert store.balance(connection, "ada") == 0


def test_an_order_is_not_credited_to_a_second_member(connection: Connection) -> None:
    store.credit(connection, "order-7", "ada", 12)

    with pytest.raises(Rejection) as refused:
        store.credit(connection, "order-7", "grace", 12)

    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ORDER_CREDITED_TO_ANOTHER")


def test_a_customer_who_is_no_member_has_no_balance(connection: Connection) -> None:
    with pytest.raises(Rejection) as refused:
        store.balance(connection, "ada")

    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.NOT_FOUND, "MEMBER_UNKNOWN")
