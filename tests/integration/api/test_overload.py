"""More starts than can be taken: each is started or refused, and everything else is still answered."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from orchestrator.api import admission
from orchestrator.api.admission import StartLimits
from orchestrator.ports.catalogue import SagaFilter
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from shop.order.v1.order_service_pb2 import CancelOrderRequest, StartOrderRequest
from tests.integration.api.situations import packed, retry_of, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]


async def told(api: Api, order: StartOrderRequest) -> str:
    """The order's id, or the name of the code with which it was refused."""
    try:
        return (await api.orders.StartOrder(order)).order.order_id
    except grpc.aio.AioRpcError as error:
        return error.code().name if retry_of(error)[0] == "TOO_MANY_STARTS" else str(error)


def slow_journal(api: Api) -> asyncio.Event:
    """From now on the journal takes appends only once the event is set."""
    append, taken = api.journal.append, asyncio.Event()

    def held(each: object) -> asyncio.Future[None]:
        async def later() -> None:
            await taken.wait()
            await append(each)  # type: ignore[arg-type]

        return asyncio.ensure_future(later())

    api.journal.append = held  # type: ignore[method-assign, assignment]
    return taken


async def test_of_five_thousand_starts_at_once_on_one_channel_none_is_cancelled(api: Api, an_order: AnOrder) -> None:
    api.admission.limits = StartLimits(in_flight=16, queued=100)
    api.mocks.refused["CreateOrder"] = 5000  # so that each is soon over

    answers = Counter(
        "started" if len(answer) > 20 else answer
        for answer in await asyncio.gather(*(told(api, an_order()) for _ in range(5000)))
    )

    assert set(answers) <= {"started", "RESOURCE_EXHAUSTED"}
    assert answers.total() == 5000
    assert answers["RESOURCE_EXHAUSTED"] == api.admission.refused
    assert answers["started"] == len(api.journal._sagas)
    assert api.admission.queued == 0


async def test_a_start_beyond_the_queue_is_refused_with_a_reason_and_nothing_is_journalled(
    api: Api, an_order: AnOrder
) -> None:
    api.admission.limits = StartLimits(in_flight=1, queued=1)
    taken = slow_journal(api)
    first, second = (asyncio.ensure_future(told(api, an_order())) for _ in range(2))
    await api.until(lambda: api.admission.queued)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await start(api, an_order())

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_of(refused.value) == ("TOO_MANY_STARTS", 1.0)
    taken.set()
    await asyncio.gather(first, second)
    assert len(api.journal._sagas) == 2


async def test_a_start_has_its_turn_until_its_saga_has_ended(api: Api, an_order: AnOrder) -> None:
    api.admission.limits = StartLimits(in_flight=1, queued=0)
    held = api.mocks.hold("PriceOrder")
    waiting = asyncio.ensure_future(told(api, an_order(wait=60)))
    await api.called("PriceOrder")

    assert await told(api, an_order()) == "RESOURCE_EXHAUSTED"
    held.set()
    await waiting
    assert await told(api, an_order()) != "RESOURCE_EXHAUSTED"


async def test_a_saga_that_waits_for_somebody_else_keeps_no_turn_from_others(
    api: Api, an_order: AnOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(admission, "_HOLD_SECONDS", 3600.0)
    monkeypatch.setattr(api.admission, "_load", lambda: 0.3)
    api.admission.limits = StartLimits(in_flight=1, queued=1)
    held = api.mocks.hold("CreateOrder")

    answers = [await told(api, an_order()) for _ in range(5)]

    assert "RESOURCE_EXHAUSTED" not in answers
    assert len(api.worker.live) == 5
    held.set()


async def test_a_busy_loop_takes_turns_back_only_after_a_while(
    api: Api, an_order: AnOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(admission, "_HOLD_SECONDS", 3600.0)
    looked = []

    def busy() -> float:
        looked.append(1)
        return 0.9

    monkeypatch.setattr(api.admission, "_load", busy)
    api.admission.limits = StartLimits(in_flight=1, queued=0)
    held = api.mocks.hold("CreateOrder")
    await told(api, an_order())
    await api.until(lambda: len(looked) > 2)

    assert await told(api, an_order()) == "RESOURCE_EXHAUSTED"
    monkeypatch.setattr(admission, "_HOLD_SECONDS", 0.0)
    await api.until(lambda: not api.admission.in_flight)
    assert await told(api, an_order()) != "RESOURCE_EXHAUSTED"
    held.set()


async def test_a_start_whose_caller_went_away_leaves_the_queue(api: Api, an_order: AnOrder) -> None:
    api.admission.limits = StartLimits(in_flight=1, queued=5)
    taken = slow_journal(api)
    first = asyncio.ensure_future(told(api, an_order()))
    await api.until(lambda: api.admission.in_flight)
    gone = api.orders.StartOrder(an_order())
    await api.until(lambda: api.admission.queued)
    gone.cancel()
    await api.until(lambda: not api.admission.queued)

    taken.set()
    await first
    await api.until(lambda: not api.admission.in_flight)
    assert len(api.journal._sagas) == 1


async def test_operators_are_answered_while_starts_are_refused(api: Api, an_order: AnOrder) -> None:
    api.admission.limits = StartLimits(in_flight=1, queued=0)
    api.mocks.hold("PriceOrder")
    order_id = (await api.orders.StartOrder(an_order())).order.order_id
    await api.called("PriceOrder")
    starts = [asyncio.ensure_future(told(api, an_order())) for _ in range(300)]

    assert (await api.sagas.GetSaga(pb.GetSagaRequest(saga_id=order_id))).saga.status == saga_pb2.STATUS_RUNNING
    assert len((await api.sagas.ListSagas(pb.ListSagasRequest())).sagas) == 1
    cancel = asyncio.ensure_future(api.orders.CancelOrder(CancelOrderRequest(order_id=order_id, reason="enough")))
    await api.until(lambda: order_id not in api.worker.live or api.worker.live[order_id]._run.stop_control.stop)
    api.mocks.held["PriceOrder"].set()
    assert (await cancel).order.reason.code == "CANCELLED"
    assert "RESOURCE_EXHAUSTED" in await asyncio.gather(*starts)


async def test_repeated_starts_find_one_saga_however_many_are_refused(api: Api, an_order: AnOrder) -> None:
    api.admission.limits = StartLimits(in_flight=1, queued=3)
    request_id = str(uuid.uuid4())

    answers = await asyncio.gather(*(told(api, an_order(request_id=request_id)) for _ in range(500)))
    afterwards = await told(api, an_order(request_id=request_id))

    assert set(answers) - {"RESOURCE_EXHAUSTED"} == {afterwards}
    records, _ = await api.journal.search(SagaFilter(), 10, "")
    assert [record.saga_id for record in records] == [afterwards]


async def test_a_live_saga_is_found_again_without_a_turn(api: Api, an_order: AnOrder) -> None:
    api.mocks.hold("CreateOrder")
    order = an_order(request_id=str(uuid.uuid4()))
    order_id = await told(api, order)
    api.admission.limits = StartLimits(in_flight=1, queued=0)

    assert await told(api, order) == order_id


async def test_statistics_show_the_limits_and_what_was_refused(api: Api, an_order: AnOrder) -> None:
    api.admission.limits = StartLimits(in_flight=1, queued=1)
    taken = slow_journal(api)
    starts = [asyncio.ensure_future(told(api, an_order())) for _ in range(4)]
    await api.until(lambda: api.admission.refused == 2)

    shown = (await api.sagas.GetStatistics(pb.GetStatisticsRequest())).admission

    assert shown == pb.AdmissionStatistics(
        in_flight=1,
        queued=1,
        most_in_flight=1,
        most_queued=1,
        most_live_sagas=50_000,
        most_queued_sagas=100_000,
        refused=2,
    )
    taken.set()
    await asyncio.gather(*starts)


async def test_a_saga_input_of_the_generic_api_takes_a_turn_too(api: Api, an_order: AnOrder) -> None:
    api.admission.limits = StartLimits(in_flight=1, queued=0)
    api.mocks.hold("CreateOrder")
    await start(api, an_order())

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.sagas.StartSaga(pb.StartSagaRequest(definition="place_order", input=packed(an_order())))

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
