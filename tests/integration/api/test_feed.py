"""The feed of all sagas: shown once for all who watch, bounded, and honest with those who are slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from orchestrator.api import feed as feed_module
from orchestrator.api.feed import SagaFeed
from orchestrator.api.views.saga_view import feed_view
from orchestrator.errors import JournalUnavailable
from orchestrator.ports.catalogue import SagaFilter
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from tests.integration.api.situations import held_at, retry_of, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.state import SagaState
    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The status of each view that is built for the feed."""
    built: list[str] = []

    def counted(state: SagaState, waiting: Iterable[Waiting]) -> saga_pb2.Saga:
        assert state.status is not None
        built.append(state.status.name)
        return feed_view(state, waiting)

    monkeypatch.setattr(feed_module, "feed_view", counted)
    return built


async def until_completed(api: Api) -> list[saga_pb2.Saga]:
    """What one reader is sent until a saga has completed."""
    seen = []
    async for answer in api.sagas.WatchSagas(pb.WatchSagasRequest()):
        seen.append(answer.saga)
        if answer.saga.status == saga_pb2.STATUS_COMPLETED:
            break
    return seen


async def test_two_hundred_watchers_share_one_view_of_each_change(
    api: Api, an_order: AnOrder, shown: list[str]
) -> None:
    watching = [asyncio.ensure_future(until_completed(api)) for _ in range(200)]
    await api.until(lambda: api.feed.readers == 200)
    held = api.mocks.hold("PriceOrder")
    await start(api, an_order())
    await api.until(lambda: shown)
    held.set()

    seen = await asyncio.gather(*watching)

    assert all(each[-1].status == saga_pb2.STATUS_COMPLETED for each in seen)
    assert len(shown) == api.feed._told, "the feed renders each change once for all readers"
    assert shown.count("COMPLETED") == 1


async def test_the_feed_shows_neither_input_nor_result_nor_steps(api: Api, an_order: AnOrder) -> None:
    watching = asyncio.ensure_future(until_completed(api))
    await api.until(lambda: api.feed.readers)
    await start(api, an_order(), wait=10)

    saga = (await watching)[-1]

    assert (saga.definition, saga.attributes["customer_id"]) == ("place_order", "ada")
    assert not saga.HasField("input")
    assert not saga.HasField("result")
    assert not saga.steps


async def test_an_ended_saga_is_shown_without_reading_its_journal(api: Api, an_order: AnOrder) -> None:
    read = []
    journal_read = api.journal.read

    async def noted(saga_id: str) -> object:
        read.append(saga_id)
        return await journal_read(saga_id)

    watching = asyncio.ensure_future(until_completed(api))
    await api.until(lambda: api.feed.readers)
    api.journal.read = noted  # type: ignore[method-assign, assignment]
    await api.orders.StartOrder(an_order())
    await watching

    assert read == []


async def test_without_watchers_nothing_is_shown(api: Api, an_order: AnOrder, shown: list[str]) -> None:
    feed = api.sagas.WatchSagas(pb.WatchSagasRequest())
    await api.until(lambda: api.feed.readers)
    feed.cancel()
    await api.until(lambda: not api.feed.readers)

    await start(api, an_order(), wait=10)

    assert shown == []
    await api.until(lambda: not api.worker._watchers._feeds)


async def test_one_watcher_too_many_is_refused_with_a_reason(api: Api) -> None:
    api.feed.most = 2
    watching = [api.sagas.WatchSagas(pb.WatchSagasRequest()) for _ in range(2)]
    await api.until(lambda: api.feed.readers == 2)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        [answer async for answer in api.sagas.WatchSagas(pb.WatchSagasRequest())]

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_of(refused.value) == ("TOO_MANY_WATCHERS", 1.0)
    statistics = (await api.sagas.GetStatistics(pb.GetStatisticsRequest())).feed
    assert (statistics.watchers, statistics.most_watchers) == (2, 2)
    for each in watching:
        each.cancel()


async def told_more(api: Api, feed: SagaFeed) -> None:
    """Wait for the feed's next change."""
    told = feed._told
    await api.until(lambda: feed._told > told)


async def test_a_slow_watcher_is_told_how_many_changes_it_missed_and_keeps_none_of_them(
    api: Api, an_order: AnOrder
) -> None:
    feed = SagaFeed(api.replica, api.worker.adapters.clock, kept=4)
    slow = feed.read(SagaFilter())
    first = asyncio.ensure_future(anext(slow))
    await api.until(lambda: api.worker._watchers._feeds)
    sagas = [await held_at(api, an_order(), "CreateOrder") for _ in range(2)]
    assert (await first).missed == 0
    api.mocks.held["CreateOrder"].set()
    while feed._told < 10:
        sagas.append((await start(api, an_order(), wait=10)).saga_id)
        await told_more(api, feed)

    second, third = await anext(slow), await anext(slow)

    assert second.missed == feed._told - 4 - 1
    assert third.missed == 0
    assert len(feed._ring) == 4
    assert len(feed._latest) <= 4
    assert isinstance(slow, AsyncGenerator)
    await slow.aclose()
    assert feed._latest == {}


async def test_watchers_are_told_when_the_journal_cannot_be_read_and_may_come_again(
    api: Api, an_order: AnOrder
) -> None:
    async def failing(_: str) -> object:
        raise JournalUnavailable("the disk is gone")

    read, api.journal.read = api.journal.read, failing  # type: ignore[method-assign, assignment]
    watching = [asyncio.ensure_future(until_completed(api)) for _ in range(2)]
    await api.until(lambda: api.feed.readers == 2)
    api.worker._watchers.notify("a saga")

    for each in watching:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await each
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE

    api.journal.read = read  # type: ignore[method-assign]
    again = asyncio.ensure_future(until_completed(api))
    await api.until(lambda: api.feed.readers == 1)
    await start(api, an_order(), wait=10)
    assert (await again)[-1].status == saga_pb2.STATUS_COMPLETED


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        (SagaFilter(), True),
        (SagaFilter(definition="place_order"), True),
        (SagaFilter(definition="another"), False),
        (SagaFilter(attributes=(("customer_id", "ada"),)), True),
        (SagaFilter(attributes=(("customer_id", "bob"),)), False),
        (SagaFilter(started_from=1), True),
        (SagaFilter(started_before=1), False),
    ],
)
async def test_a_filter_decides_what_a_watcher_is_sent(
    api: Api, an_order: AnOrder, where: SagaFilter, matches: bool
) -> None:
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    change = feed_module._Change.of(await api.worker.get(saga_id))

    assert where.matches(change) is matches
