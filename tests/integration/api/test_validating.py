"""An input is validated once, whichever way it comes in, and an invalid one is never started."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import protovalidate
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from orchestrator.bootstrap import opened
from orchestrator.errors import InvalidInput, SagaNotCompleted
from orchestrator.settings import Settings
from orchestrator.shop.place_order import place_order
from saga.v1 import saga_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from google.protobuf.message import Message

    from orchestrator.bootstrap import OpenedReplica
    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]

INPUT, REQUEST = "StartOrderRequest", "StartSagaRequest"


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a message of each type was validated."""
    times: Counter[str] = Counter()
    collect = protovalidate.Validator.collect_violations

    def counted(self: protovalidate.Validator, message: Message, **options: Any) -> Any:  # noqa: ANN401 - its own
        times[message.DESCRIPTOR.name] += 1
        return collect(self, message, **options)

    monkeypatch.setattr(protovalidate.Validator, "collect_violations", counted)
    return times


@pytest.fixture
async def replica() -> AsyncIterator[OpenedReplica]:
    """One without an API; nobody is where its participants should be."""
    nobody = {each.service.full_name: "127.0.0.1:1" for each in place_order.participants}
    settings = Settings(journal="memory:", participants=nobody, drift_check=False, drain_seconds=0)
    async with opened(settings, [place_order]) as replica:
        yield replica


def packed(order: StartOrderRequest) -> pb.StartSagaRequest:
    box = AnyMessage()
    box.Pack(order)
    return pb.StartSagaRequest(definition=place_order.name, input=box)


async def test_a_request_that_is_the_input_is_validated_once(
    api: Api, an_order: AnOrder, validated: Counter[str]
) -> None:
    await api.orders.StartOrder(an_order())

    assert validated[INPUT] == 1


async def test_an_input_within_a_request_is_validated_once(
    api: Api, an_order: AnOrder, validated: Counter[str]
) -> None:
    await api.sagas.StartSaga(packed(an_order()))

    assert (validated[REQUEST], validated[INPUT]) == (1, 1)


async def test_an_input_of_a_process_of_its_own_is_validated_once(
    replica: OpenedReplica, an_order: AnOrder, validated: Counter[str]
) -> None:
    with pytest.raises(SagaNotCompleted):
        await replica.run(place_order, an_order(), wait=timedelta(0))

    assert validated[INPUT] == 1


async def test_no_way_in_starts_a_saga_with_an_invalid_input(
    api: Api, replica: OpenedReplica, an_order: AnOrder
) -> None:
    invalid = an_order(email="nowhere")

    for call in (api.orders.StartOrder(invalid), api.sagas.StartSaga(packed(invalid))):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(InvalidInput, match="email"):
        await replica.run(place_order, invalid)

    assert not await api.journal.count()
    assert not await replica.sagas.count()
