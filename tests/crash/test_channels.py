"""Orders whose commands go over HTTP, over NATS, or over every channel side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.crash.customers import Customers
from tests.crash.orders import KINDS, draw
from tests.crash.shop import FULL_NAMES

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop

GRPC: Final = "grpc"
HTTP: Final = "http"
NATS: Final = "nats"
MIXTURE: Final = {
    "pricing": HTTP,
    "inventory": NATS,
    "payment": NATS,
    "shipping": HTTP,
    "rewards": NATS,
    "email": HTTP,
}
"""Those that are not named here are reached over gRPC."""
OVER: Final = {HTTP: dict.fromkeys(FULL_NAMES, HTTP), NATS: dict.fromkeys(FULL_NAMES, NATS), "mixture": MIXTURE}


def addresses(shop: Shop, over: str, broker: str = "") -> dict[str, str]:
    """Where the services are reached; the broker by another address, where it has one."""
    ways = {HTTP: shop.over_http, NATS: lambda _name: shop.over_nats(broker)}
    return {name: ways[way](name) for name, way in OVER[over].items()}


@pytest.mark.parametrize("over", OVER)
async def test_orders_of_every_kind_end_as_they_must_over(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, over: str
) -> None:
    orchestrator = shop.orchestrator(tmp_path, instead=addresses(shop, over))
    await orchestrator.restart()
    async with Customers(orchestrator.address) as customers:
        await customers.order_all(draw(chance, len(KINDS), run=run))
        assert await invariants.broken(customers) == []
