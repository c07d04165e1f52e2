"""``saga.v1.FiguresService`` over a real server, and the sagas that a group or a figure leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from saga.v1 import figures_service_pb2 as figures_pb
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from tests.integration.api.situations import in_doubt, paused_at, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]

AUTHORIZE = "shop.payment.v1.PaymentService.AuthorizePayment"
EPOCH = 1


def request(seconds: int = EPOCH, *, days: int = 0, **of: str) -> figures_pb.GetFiguresRequest:
    """The figures of the days since an instant; days before now, where these are given."""
    since = Timestamp(seconds=seconds)
    if days:
        since.GetCurrentTime()
        since.seconds -= days * 86_400
    return figures_pb.GetFiguresRequest(since=since, step=figures_pb.FIGURE_STEP_DAY, **of)  # type: ignore[arg-type]


async def declined(api: Api, order: StartOrderRequest) -> str:
    api.mocks.refused["AuthorizePayment"] = 1
    return (await start(api, order, wait=10)).saga_id


async def found(api: Api, where: pb.SagaFilter, *, oldest_first: bool = False) -> list[str]:
    answer = await api.sagas.ListSagas(pb.ListSagasRequest(filter=where, oldest_first=oldest_first))
    return [saga.saga_id for saga in answer.sagas]


async def test_figures_tell_what_started_ended_and_failed_and_how_long_it_took(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(), wait=10)
    await declined(api, an_order())
    await declined(api, an_order())

    answer = await api.figures.GetFigures(request(days=1))

    (total,) = answer.totals
    assert (total.definition, total.started) == ("place_order", 3)
    assert {saga_pb2.Status.Name(ended.status): ended.count for ended in total.ended} == {
        "STATUS_COMPLETED": 1,
        "STATUS_COMPENSATED": 2,
    }
    (failure,) = total.failures
    assert (failure.failed_command, failure.reason_code, failure.count) == (AUTHORIZE, "REJECTED", 2)
    assert sum(latency.count for latency in total.latencies) == 3
    fastest, slowest = total.latencies[0], total.latencies[-1]
    median, p95 = total.median.ToNanoseconds(), total.p95.ToNanoseconds()
    assert fastest.at_least.ToNanoseconds() <= median <= p95 <= slowest.below.ToNanoseconds()
    assert sum(step.started for step in answer.steps) == 3
    assert not (await api.figures.GetFigures(request(days=1, definition="book_trip"))).totals


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (figures_pb.GetFiguresRequest(step=figures_pb.FIGURE_STEP_DAY), "since"),
        (figures_pb.GetFiguresRequest(since=Timestamp(seconds=1)), "step"),
        (request(EPOCH), "has more than 1500 days"),
        (request(4_000_000_000), "must be later"),
        (
            figures_pb.GetFiguresRequest(
                since=Timestamp(seconds=1), until=Timestamp(seconds=61), step=figures_pb.FIGURE_STEP_MINUTE
            ),
            "minutes are told for 7 days",
        ),
        (
            figures_pb.GetFiguresRequest(
                since=Timestamp(seconds=1), until=Timestamp(seconds=61), step=figures_pb.FIGURE_STEP_HOUR
            ),
            "hours are told for 92 days",
        ),
    ],
)
async def test_a_window_that_cannot_be_told_is_refused(
    api: Api, wanted: figures_pb.GetFiguresRequest, complaint: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.figures.GetFigures(wanted)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert complaint in (refused.value.details() or "")


async def test_a_group_of_suspended_sagas_leads_to_its_sagas_the_oldest_first(api: Api, an_order: AnOrder) -> None:
    paused = [await paused_at(api, an_order(), "ReserveStock") for _ in range(2)]

    answer = await api.figures.ListSuspendedGroups(figures_pb.ListSuspendedGroupsRequest())

    (group,) = answer.groups
    assert (group.definition, group.failed_command, group.reason_code, group.count) == ("place_order", "", "PAUSED", 2)
    assert group.HasField("oldest_since")
    where = pb.SagaFilter(
        definition=group.definition, statuses=[saga_pb2.STATUS_SUSPENDED], reason_code=group.reason_code
    )
    assert await found(api, where, oldest_first=True) == paused
    assert await found(api, where) == paused[::-1]


async def test_sagas_are_found_by_what_made_them_fail(api: Api, an_order: AnOrder) -> None:
    completed = (await start(api, an_order(), wait=10)).saga_id
    saga_id = await declined(api, an_order())

    for where in (
        pb.SagaFilter(failed_command=AUTHORIZE),
        pb.SagaFilter(failed_command="PaymentService.AuthorizePayment"),
        pb.SagaFilter(failed_command="AuthorizePayment"),
        pb.SagaFilter(reason_code="REJECTED"),
        pb.SagaFilter(reason="TOLD to refuse"),
        pb.SagaFilter(definition="place_order", version=1, failed_command="AuthorizePayment", reason="refuse"),
        pb.SagaFilter(ended_from=Timestamp(seconds=1), failed_command="AuthorizePayment"),
    ):
        assert await found(api, where) == [saga_id], where
    for where in (
        pb.SagaFilter(failed_command="ReserveStock"),
        pb.SagaFilter(reason="nowhere"),
        pb.SagaFilter(version=77),
        pb.SagaFilter(ended_before=Timestamp(seconds=1)),
    ):
        assert await found(api, where) == [], where
    assert await found(api, pb.SagaFilter(ended_from=Timestamp(seconds=1)), oldest_first=True) == [completed, saga_id]


async def test_a_saga_that_was_rolled_back_is_listed_with_its_reason(api: Api, an_order: AnOrder) -> None:
    await declined(api, an_order())

    (saga,) = (await api.sagas.ListSagas(pb.ListSagasRequest())).sagas
    assert saga.reason.code == "REJECTED"
    assert "told to refuse" in saga.reason.message


@pytest.mark.parametrize("name", ["AuthorisePayment", "Service", "Health.Check"])
async def test_a_command_that_is_none_is_told(api: Api, an_order: AnOrder, name: str) -> None:
    await in_doubt(api, an_order(), "AuthorizePayment")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await found(api, pb.SagaFilter(failed_command=name.rpartition(".")[2]))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "names no command; there are: shop." in (refused.value.details() or "")


async def test_a_feed_tells_only_of_those_that_fail_for_that(api: Api, an_order: AnOrder) -> None:
    feed = api.sagas.WatchSagas(pb.WatchSagasRequest(filter=pb.SagaFilter(failed_command="AuthorizePayment")))
    await api.until(lambda: api.worker._watchers._feeds)
    await start(api, an_order(), wait=10)
    saga_id = await declined(api, an_order())

    async for answer in feed:
        assert answer.saga.saga_id == saga_id
        break
    feed.cancel()
