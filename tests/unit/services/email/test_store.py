from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.email import store

if TYPE_CHECKING:
    from sqlalchemy import Connection

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_a_confirmation_is_recorded_once(connection: Connection) -> None:
    assert store.keep(connection, "order-7", "<first@shop.example>", NOON)
    assert not store.keep(connection, "order-7", "<second@shop.example>", NOON)

    assert store.message_id(connection, "order-7") == "<first@shop.example>"


def test_another_order_has_a_confirmation_of_its_own(connection: Connection) -> None:
    assert store.keep(connection, "order-7", "<7@shop.example>", NOON)
    assert store.keep(connection, "order-8", "<8@shop.example>", NOON)
