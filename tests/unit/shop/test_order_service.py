"""Which saga StartOrder starts."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest
from google.protobuf import descriptor_pool

from orchestrator import saga
from orchestrator.api.application import Application
from orchestrator.cli.loading.protoc import generate
from orchestrator.errors import DefinitionError
from orchestrator.shop.order_service import order_api
from shop.order.v1.order_pb2 import Order, Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub  # noqa: TC001 - the saga's signature is read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.engine_world import Definition, EngineWorld


@dataclass(frozen=True)
class Shop:
    rewards: RewardsServiceStub


@saga("place_order", version=7)
async def seventh(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - it never runs
    return Receipt()


@saga("place_order", version=8)
async def of_another_input(order: Order, shop: Shop) -> Receipt:  # noqa: ARG001 - as above
    return Receipt()


@saga("take_order", version=1)
async def of_another_name(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as above
    return Receipt()


def served(world_of: Callable[..., EngineWorld], *definitions: Definition) -> dict[str, object]:
    """The services that are served beside these sagas."""
    sagas = world_of(*definitions).process().sagas
    application = Application(sagas, cast("Any", None), cast("Any", None), cast("Any", lambda _service: None))
    order_api.register(application)
    return dict(application.services)


async def test_an_order_can_be_placed_by_any_version_wherever_it_lives(world_of: Callable[..., EngineWorld]) -> None:
    assert list(served(world_of, of_another_name, seventh)) == ["shop.order.v1.OrderService"]


async def test_an_application_without_a_saga_for_orders_serves_no_orders(world_of: Callable[..., EngineWorld]) -> None:
    assert not served(world_of, of_another_name)


async def test_a_newest_version_that_takes_no_order_is_refused_with_what_to_do(
    world_of: Callable[..., EngineWorld],
) -> None:
    with pytest.raises(
        DefinitionError, match=r"place_order v8: .* take a StartOrderRequest .* or give it another name"
    ):
        served(world_of, seventh, of_another_input)


async def test_a_service_that_is_registered_twice_is_refused(world_of: Callable[..., EngineWorld]) -> None:
    sagas = world_of(seventh).process().sagas
    application = Application(sagas, cast("Any", None), cast("Any", None), cast("Any", lambda _service: None))
    order_api.register(application)

    with pytest.raises(DefinitionError, match=r"shop.order.v1.OrderService is registered twice"):
        order_api.register(application)


async def test_reflection_knows_a_service_whose_contract_has_no_messages_of_its_own(
    world_of: Callable[..., EngineWorld], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "protos/bell/v1").mkdir(parents=True)
    (tmp_path / "protos/bell/v1/bell.proto").write_text(
        'syntax = "proto3"; package bell.v1; import "google/protobuf/empty.proto";'
        "service Bell { rpc Ring(google.protobuf.Empty) returns (google.protobuf.Empty); }"
    )
    generate(tmp_path / "protos", tmp_path / "stubs")
    monkeypatch.syspath_prepend(tmp_path / "stubs")
    stubs = importlib.import_module("bell.v1.bell_pb2_grpc")
    sagas = world_of(of_another_name).process().sagas
    application = Application(sagas, cast("Any", None), cast("Any", None), cast("Any", lambda _service: None))

    application.add("bell.v1.Bell", stubs.add_BellServicer_to_server, stubs.BellServicer())

    assert descriptor_pool.Default().FindServiceByName("bell.v1.Bell").full_name == "bell.v1.Bell"
