from __future__ import annotations

from typing import TYPE_CHECKING

from services.warehouse import store
from services.warehouse.domain import PickLine, PickList

if TYPE_CHECKING:
    from sqlalchemy import Connection

FIRST = PickList("pick_1", (PickLine("TEE-M", 2, "A-2"), PickLine("MUG-BLUE", 1, "A-10")))
SECOND = PickList("pick_2", (PickLine("LAMP-DESK", 1, "B-7"),))


def test_the_same_order_never_gets_two_pick_lists(connection: Connection) -> None:
    assert store.keep(connection, "order-7", "SP1", FIRST) == FIRST
    assert store.keep(connection, "order-7", "SP2", SECOND) == FIRST


def test_each_order_gets_its_own_pick_list(connection: Connection) -> None:
    store.keep(connection, "order-7", "SP1", FIRST)

    assert store.keep(connection, "order-8", "SP2", SECOND) == SECOND


def test_one_bin_may_be_on_a_pick_list_more_than_once(connection: Connection) -> None:
    twice = PickList("pick_1", (PickLine("TEE-M", 2, "A-2"), PickLine("TEE-M", 2, "A-2")))
    store.keep(connection, "order-7", "SP1", twice)

    assert store.keep(connection, "order-7", "SP1", FIRST) == twice
