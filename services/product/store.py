"""The catalogue and the order records, in SQL."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from services.chassis.errors import Rejection
from services.product.domain import Line, OrderRecord, Product, known, record_order

METADATA: Final = MetaData()

PRODUCTS: Final = Table(
    "products",
    METADATA,
    Column("sku", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column(
        "list_price_nanos",
        BigInteger,
        CheckConstraint("list_price_nanos >= 0", name="products_list_price"),
        nullable=False,
    ),
    Column("weight_grams", Integer, CheckConstraint("weight_grams > 0", name="products_weight"), nullable=False),
)
ORDERS: Final = Table(
    "orders",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("list_total_nanos", BigInteger, nullable=False),
    Column("weight_grams", BigInteger, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('recorded', 'cancelled')", name="orders_state"), nullable=False),
)
ORDER_LINES: Final = Table(
    "order_lines",
    METADATA,
    Column("order_id", Text, ForeignKey("orders.order_id"), primary_key=True),
    Column("line_number", Integer, primary_key=True),
    Column("sku", Text, ForeignKey("products.sku"), nullable=False),
    Column("quantity", Integer, CheckConstraint("quantity > 0", name="order_lines_quantity"), nullable=False),
)

_FIND_PRODUCTS: Final = select(PRODUCTS).where(PRODUCTS.c.sku.in_(bindparam("skus", expanding=True)))
_FIND_PRODUCT: Final = select(PRODUCTS).where(PRODUCTS.c.sku == bindparam("sku"))
_LIST_PRODUCTS: Final = (
    select(PRODUCTS).where(PRODUCTS.c.sku > bindparam("after")).order_by(PRODUCTS.c.sku).limit(bindparam("count"))
)
_KEEP_ORDER: Final = insert(ORDERS)
_KEEP_LINES: Final = insert(ORDER_LINES)
_CANCEL_ORDER: Final = update(ORDERS).where(ORDERS.c.order_id == bindparam("cancelled_id")).values(state="cancelled")


def create_order(connection: Connection, order_id: str, customer_id: str, lines: Sequence[Line]) -> OrderRecord:
    """Record an order.

    Raises:
        Rejection: SKU_UNKNOWN or ORDER_ALREADY_RECORDED.
    """
    rows = connection.execute(_FIND_PRODUCTS, {"skus": list({line.sku for line in lines})})
    record = record_order({row[0]: _product(row) for row in rows}, lines)
    order = {
        "order_id": order_id,
        "customer_id": customer_id,
        "list_total_nanos": record.list_total,
        "weight_grams": record.weight_grams,
        "state": "recorded",
    }
    try:
        connection.execute(_KEEP_ORDER, order)
    except IntegrityError as error:
        raise Rejection(
            "ORDER_ALREADY_RECORDED", f"order {order_id} has a record", metadata={"order_id": order_id}
        ) from error
    connection.execute(
        _KEEP_LINES,
        [
            {"order_id": order_id, "line_number": number, "sku": line.sku, "quantity": line.quantity}
            for number, line in enumerate(lines, start=1)
        ],
    )
    return record


def cancel_order(connection: Connection, order_id: str) -> None:
    """Mark an order record as cancelled; do nothing where there is none."""
    connection.execute(_CANCEL_ORDER, {"cancelled_id": order_id})


def show_product(connection: Connection, sku: str) -> Product:
    """One product.

    Raises:
        Rejection: SKU_UNKNOWN.
    """
    row = connection.execute(_FIND_PRODUCT, {"sku": sku}).one_or_none()
    return known(sku, None if row is None else _product(row))


def list_products(connection: Connection, *, after: str, count: int) -> list[Product]:
    """At most ``count`` products by sku, from the first one after ``after``."""
    return [_product(row) for row in connection.execute(_LIST_PRODUCTS, {"after": after, "count": count})]


def _product(row: Row[str, str, int, int]) -> Product:
    return Product(*row)
