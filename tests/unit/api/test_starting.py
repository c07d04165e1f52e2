"""Which saga a request starts, and which sagas a filter is about."""

from __future__ import annotations

import dataclasses
import time
import uuid
from typing import TYPE_CHECKING

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.api.requests import saga_filter, unpack
from orchestrator.engine.starting import start_request
from orchestrator.errors import InvalidInput
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from tests.support.engine_world import trip

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.sagas import StartSaga
    from tests.support.engine_world import EngineWorld

TRACEPARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
# Any message will do; this one has a map, whose order in memory is nobody's business.
INPUT = pb.SagaFilter(definition="buy")


@pytest.fixture
def world(world_of: Callable[..., EngineWorld]) -> EngineWorld:
    """A world for a saga that can be listed by one of its input's fields."""
    return world_of(dataclasses.replace(trip, attributes=("definition",)))


def started(world: EngineWorld, request_id: str = "", message: pb.SagaFilter = INPUT) -> StartSaga:
    definition = world.definitions[0]
    served = world.process().worker.served.find(definition.name, definition.version)
    assert served is not None
    return start_request(served, message, request_id, TRACEPARENT)


async def test_a_start_says_what_is_started_with_what_and_by_whom(world: EngineWorld) -> None:
    start = started(world)

    assert (start.definition, start.version) == (trip.name, trip.version)
    assert pb.SagaFilter.FromString(start.input) == INPUT
    assert start.attributes == (("definition", "buy"),)
    assert start.traceparent == TRACEPARENT


async def test_a_repeated_request_id_is_the_same_saga_and_another_one_is_not(world: EngineWorld) -> None:
    assert started(world, "r-1").saga_id == started(world, "r-1").saga_id
    assert started(world, "r-1").saga_id != started(world, "r-2").saga_id


async def test_without_a_request_id_each_start_is_a_saga_of_its_own_that_bears_its_time(world: EngineWorld) -> None:
    before = time.time_ns() // 1_000_000
    one, other = started(world).saga_id, started(world).saga_id
    after = time.time_ns() // 1_000_000

    assert one != other
    assert before <= uuid.UUID(one).int >> 80 <= after


async def test_the_same_content_has_the_same_digest_and_any_other_content_another(world: EngineWorld) -> None:
    one, other = started(world, "r-1"), started(world, "r-1", pb.SagaFilter(definition="sell"))

    assert started(world, "r-2").digest == one.digest
    assert other.digest != one.digest


async def test_the_digest_speaks_of_the_definition_too(
    world: EngineWorld, world_of: Callable[..., EngineWorld]
) -> None:
    namesake = world_of(dataclasses.replace(world.definitions[0], name="journey"))

    assert started(namesake).digest != started(world).digest


async def test_the_order_in_which_a_map_was_filled_is_not_content(world: EngineWorld) -> None:
    names = [f"name-{number}" for number in range(20)]
    one = pb.SagaFilter(attributes=dict.fromkeys(names, "a"))
    other = pb.SagaFilter(attributes=dict.fromkeys(reversed(names), "a"))

    assert started(world, "r", one) == started(world, "r", other)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (pb.SagaFilter(), SagaFilter()),
        (pb.SagaFilter(definition="buy"), SagaFilter(definition="buy")),
        (
            pb.SagaFilter(statuses=[saga_pb2.STATUS_RUNNING, saga_pb2.STATUS_SUSPENDED]),
            SagaFilter(statuses=frozenset({Status.RUNNING, Status.SUSPENDED})),
        ),
        (pb.SagaFilter(started_from=Timestamp(seconds=1, nanos=2)), SagaFilter(started_from=1_000_000_002)),
        (pb.SagaFilter(started_before=Timestamp(seconds=3)), SagaFilter(started_before=3_000_000_000)),
        (pb.SagaFilter(started_from=Timestamp()), SagaFilter(started_from=0)),
        (pb.SagaFilter(attributes={"a": "1"}), SagaFilter(attributes=(("a", "1"),))),
    ],
    ids=["nothing", "definition", "statuses", "from", "before", "from the epoch", "attributes"],
)
def test_each_part_of_a_filter_is_read(request_: pb.SagaFilter, expected: SagaFilter) -> None:
    assert saga_filter(request_) == expected


def test_a_message_is_taken_out_of_its_wrapping() -> None:
    packed = AnyMessage()
    packed.Pack(INPUT)

    assert unpack(packed, pb.SagaFilter(), "input") == INPUT


def test_a_type_url_without_a_slash_is_refused_with_what_it_must_be() -> None:
    packed = AnyMessage(type_url="saga.v1.SagaFilter", value=INPUT.SerializeToString())

    with pytest.raises(InvalidInput, match=r"a slash before the name: type\.googleapis\.com/saga\.v1\.SagaFilter"):
        unpack(packed, pb.SagaFilter(), "input")


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (AnyMessage(type_url="type.googleapis.com/shop.order.v1.Receipt"), "not a shop.order.v1.Receipt"),
        (AnyMessage(), "not a message without a type"),
    ],
)
def test_another_message_is_refused_by_its_name(packed: AnyMessage, told: str) -> None:
    with pytest.raises(InvalidInput, match=f"must be a saga.v1.SagaFilter, {told}") as refused:
        unpack(packed, pb.SagaFilter(), "input")

    assert [field for field, _ in refused.value.violations] == ["input"]
