"""Sagas are found by what they wait for, by the beginning of an id, and not by a slip of the pen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from orchestrator.contract.command import Effect
from orchestrator.engine.bindings.circuit_breaker import FAILURES_TO_OPEN
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from saga.v1.bulk_pb2 import ACTION_RETRY_NOW
from tests.integration.api.situations import get, paused_at, start
from tests.support.bulk_calls import prepared
from tests.support.journals import AT, Writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]

INVENTORY = "shop.inventory.v1.InventoryService"
ANY_WAIT = (
    saga_pb2.WAIT_REASON_BACKOFF,
    saga_pb2.WAIT_REASON_PARTICIPANT_DOWN,
    saga_pb2.WAIT_REASON_PARTICIPANT_BUSY,
)


async def listed(api: Api, where: pb.SagaFilter, size: int = 0) -> list[saga_pb2.Saga]:
    found: list[saga_pb2.Saga] = []
    token = ""
    while True:
        request = pb.ListSagasRequest(filter=where, page_size=size, page_token=token)
        answer = await api.sagas.ListSagas(request)
        found += answer.sagas
        token = answer.next_page_token
        if not token:
            return found


async def waiting_for_inventory(api: Api, order: StartOrderRequest) -> str:
    """A saga whose inventory is down."""
    breaker = api.worker.bindings.breakers[INVENTORY]
    if not breaker.is_open:
        breaker._check = _never
        for _ in range(FAILURES_TO_OPEN):
            assert breaker.try_enter()
            breaker.leave(reached=False)
    before = breaker.waiting
    saga_id = (await start(api, order)).saga_id
    await api.until(lambda: breaker.waiting > before)
    return saga_id


async def _never() -> bool:
    return False


async def test_a_saga_whose_participant_is_down_says_so_and_is_found_by_that(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(), wait=10)
    saga_id = await waiting_for_inventory(api, an_order())

    (found,) = await listed(api, pb.SagaFilter(waiting_for=ANY_WAIT))
    (waiting,) = found.waiting
    assert found.saga_id == saga_id
    assert (await get(api, saga_id)).waiting[0].step_key == waiting.step_key == "InventoryService.ReserveStock#1"
    assert (waiting.reason, waiting.service) == (saga_pb2.WAIT_REASON_PARTICIPANT_DOWN, INVENTORY)
    assert waiting.since.ToNanoseconds() == api.worker.bindings.breakers[INVENTORY].down_since
    assert waiting.HasField("until")
    assert await listed(api, pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_BACKOFF])) == []
    statistics = await api.sagas.GetStatistics(pb.GetStatisticsRequest())
    assert {each.service for each in statistics.participants if each.HasField("down_since")} == {INVENTORY}


async def test_a_rollback_that_is_parked_says_for_what_it_waits_and_why_it_goes_back(api: Api) -> None:
    reserved = "InventoryService.ReserveStock#1"
    intent = e.CommandIntended(AT + 1, reserved, f"{INVENTORY}.ReserveStock", Effect.COMPENSABLE, b"")
    back = e.RollbackBegan(AT + 2, Reason.asked(ReasonCode.CANCELLED, "enough", Actor("ada")))
    undo = e.CompensationBegan(AT + 3, reserved, f"{INVENTORY}.ReleaseStock")
    until = api.worker.live.time.now() + 3600 * 10**9
    queued = e.CommandQueued(AT + 5, f"compensation:{reserved}", 1, AT + 4, until, until)
    writer = Writing(api.journal, "goes-back")
    await writer.start(e.SagaStarted(AT, "place_order", 1, b""), intent, back, undo, queued)
    await writer.write(e.SagaParked(AT + 6, until), status=Status.WAITING, wake_at=until)

    (found,) = await listed(api, pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_ANSWER]))
    shown = await get(api, "goes-back")
    assert found.status == shown.status == saga_pb2.STATUS_WAITING
    assert found.reason.code == shown.reason.code == "CANCELLED"
    assert found.waiting[0] == shown.waiting[0]
    assert (shown.waiting[0].step_key, shown.waiting[0].service) == (reserved, INVENTORY)


async def test_sagas_that_wait_come_page_by_page_the_newest_first(api: Api, an_order: AnOrder) -> None:
    started = [await waiting_for_inventory(api, an_order()) for _ in range(5)]

    for size in (1, 2, 5, 0):
        waiting = await listed(api, pb.SagaFilter(waiting_for=ANY_WAIT), size)
        assert [saga.saga_id for saga in waiting] == started[::-1]


async def test_a_suspended_saga_is_listed_with_its_reason(api: Api, an_order: AnOrder) -> None:
    saga_id = await paused_at(api, an_order(), "ReserveStock")
    await start(api, an_order(), wait=10)

    reasons = {saga.saga_id: saga.reason.message for saga in await listed(api, pb.SagaFilter())}
    assert reasons.pop(saga_id) == "because"
    assert set(reasons.values()) == {""}


async def test_sagas_are_found_by_the_beginning_of_their_id(api: Api, an_order: AnOrder) -> None:
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    assert [saga.saga_id for saga in await listed(api, pb.SagaFilter(id_prefix=saga_id[:20]))] == [saga_id]
    assert await listed(api, pb.SagaFilter(id_prefix="f" * 8)) == []


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        (
            pb.SagaFilter(definition="plaice_order"),
            "filter.definition: there is no saga 'plaice_order'; there are: place_order",
        ),
        (
            pb.SagaFilter(definition="place_order", attributes={"custmer_id": "ada"}),
            "filter.attributes: place_order has no attribute 'custmer_id'; there are: customer_id",
        ),
        (
            pb.SagaFilter(attributes={"custmer_id": "ada"}),
            "filter.attributes: place_order has no attribute 'custmer_id'",
        ),
    ],
)
async def test_a_slip_of_the_pen_in_a_filter_is_told(
    api: Api, an_order: AnOrder, where: pb.SagaFilter, complaint: str
) -> None:
    await start(api, an_order(), wait=10)
    for call in (
        listed(api, where),
        api.sagas.WatchSagas(pb.WatchSagasRequest(filter=where)).read(),
        prepared(api.bulk, where, ACTION_RETRY_NOW),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert complaint in (refused.value.details() or "")


async def test_a_known_attribute_that_no_saga_has_finds_nothing(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(), wait=10)

    assert await listed(api, pb.SagaFilter(definition="place_order", attributes={"customer_id": "bob"})) == []
