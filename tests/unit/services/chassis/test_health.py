from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest  # type: ignore[attr-defined]  # newer than its types

from services.chassis.over_grpc.health import Health

if TYPE_CHECKING:
    from collections.abc import Callable

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING
# The context of a call that does not use it.
NOBODY: Any = None


class Watcher:
    """Keeps the statuses that it receives, and calls a function during each receipt."""

    def __init__(self, during: Callable[[], None]) -> None:
        self.told: list[int] = []
        self._during = during

    async def write(self, reply: HealthCheckResponse) -> None:
        self.told.append(reply.status)
        self._during()


@pytest.mark.parametrize("service", ["", "shop.Stock"])
async def test_a_drain_that_begins_during_the_first_answer_is_sent_to_the_watcher_too(service: str) -> None:
    health = Health("shop.Stock")
    watcher: Any = Watcher(health.drain)
    await health.Watch(HealthCheckRequest(service=service), watcher)
    assert watcher.told == [SERVING, NOT_SERVING]


async def test_a_watcher_that_comes_during_the_drain_gets_one_answer() -> None:
    health = Health("shop.Stock")
    health.drain()
    watcher: Any = Watcher(lambda: None)
    await health.Watch(HealthCheckRequest(service="shop.Stock"), watcher)
    assert watcher.told == [NOT_SERVING]


async def test_the_stream_of_a_watcher_of_an_unknown_service_ends_at_the_drain() -> None:
    health = Health("shop.Stock")
    watcher: Any = Watcher(health.drain)
    await health.Watch(HealthCheckRequest(service="shop.Money"), watcher)
    assert watcher.told == [HealthCheckResponse.SERVICE_UNKNOWN]


@pytest.mark.parametrize("service", ["", "shop.Stock"])
async def test_a_check_says_serving_until_the_drain_and_not_serving_from_then_on(service: str) -> None:
    health = Health("shop.Stock")
    assert (await health.Check(HealthCheckRequest(service=service), NOBODY)).status == SERVING
    health.drain()
    assert (await health.Check(HealthCheckRequest(service=service), NOBODY)).status == NOT_SERVING


async def test_the_list_has_the_same_status_for_each_service_as_a_check() -> None:
    health = Health("shop.Stock")
    before = await health.List(HealthListRequest(), NOBODY)
    health.drain()
    after = await health.List(HealthListRequest(), NOBODY)
    assert {name: each.status for name, each in before.statuses.items()} == {"": SERVING, "shop.Stock": SERVING}
    assert {name: each.status for name, each in after.statuses.items()} == {"": NOT_SERVING, "shop.Stock": NOT_SERVING}
