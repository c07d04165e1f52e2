"""A connection that is dead, and was never closed, is given up, and a new one is made."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest

from orchestrator.channels.grpc import replaceable_channel as channels
from orchestrator.channels.grpc.replaceable_channel import DEFAULT_SETTINGS
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Unknown
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.integration.channels.conftest import Way, Wild

    WayTo = Callable[..., Way]


@pytest.fixture
async def proxy(wild: Wild) -> AsyncIterator[Proxy]:
    async with Proxy(wild.address, random.Random(1)) as between:
        yield between


async def test_calls_that_time_out_one_after_another_are_made_over_a_new_connection(
    way_to: WayTo, proxy: Proxy
) -> None:
    way = way_to(proxy.address, silence=0)
    assert isinstance(await way.call(), Completed)
    proxy.forget()

    outcomes = [await way.call(timeout=0.05) for _ in range(3)]

    assert all(isinstance(outcome, Unknown) for outcome in outcomes)
    assert isinstance(await way.call(), Completed)
    assert proxy.accepted == 2


async def test_what_asks_for_health_follows_to_the_new_connection(way_to: WayTo, wild: Wild, proxy: Proxy) -> None:
    way = way_to(proxy.address, silence=0)
    await way.call()
    proxy.forget()
    for _ in range(3):
        await way.call(timeout=0.05)

    serves = await way.channel.is_serving("shop.inventory.v1.InventoryService")

    assert serves is None  # it answers, though not with health
    assert wild.called == 2


async def test_a_call_ends_on_the_connection_on_which_it_began(way_to: WayTo, wild: Wild) -> None:
    released = asyncio.Event()

    async def late(_request: bytes, _context: object) -> bytes:
        await released.wait()
        return b"late"

    wild.answer = late
    way = way_to(wild.address, silence=0)
    slow = asyncio.ensure_future(way.call(timeout=30))
    for _ in range(3):
        await way.call(timeout=0.05)

    before = way.channel.current
    released.set()

    assert await slow == Completed(b"late")
    assert await way.call() == Completed(b"late")
    assert way.channel.current is before


async def test_an_answer_of_any_kind_between_timeouts_keeps_the_connection(
    way_to: WayTo, wild: Wild, proxy: Proxy
) -> None:
    async def refuse(_request: bytes, context: Any) -> bytes:  # noqa: ANN401 - gRPC's
        await context.abort(grpc.StatusCode.INTERNAL, "broken, and there")
        raise AssertionError

    wild.answer = refuse
    way = way_to(proxy.address, silence=0)
    for _ in range(4):
        wild.silent = True
        await way.call(timeout=0.05)
        await way.call(timeout=0.05)
        wild.silent = False
        await way.call()

    assert proxy.accepted == 1


async def test_a_burst_of_timeouts_is_no_silence_yet(way_to: WayTo, wild: Wild, proxy: Proxy) -> None:
    way = way_to(proxy.address, silence=60)
    wild.silent = True

    await asyncio.gather(*(way.call(timeout=0.05) for _ in range(20)))
    wild.silent = False
    await way.call()

    assert proxy.accepted == 1


async def test_keepalive_finds_a_dead_connection_while_a_call_is_in_flight(way_to: WayTo, proxy: Proxy) -> None:
    way = way_to(proxy.address, keepalive=0.5, silence=3600)
    await way.call()
    proxy.forget()

    outcome = await way.call(timeout=60)  # it would wait for all of that

    assert isinstance(outcome, Unknown)
    assert outcome.failure.code is StatusCode.UNAVAILABLE
    # gRPC may still give the next call to the connection that it is about to close: then that call fails at once.
    while not isinstance(await way.call(), Completed):
        assert proxy.accepted <= 2


def test_keepalive_is_gentle_with_servers_that_know_nothing_of_it() -> None:
    options: dict[str, Any] = dict(DEFAULT_SETTINGS.options())

    assert options["grpc.keepalive_time_ms"] >= 10_000
    assert "grpc.keepalive_permit_without_calls" not in options
    assert "grpc.http2.max_pings_without_data" not in options
    assert "grpc.keepalive_time_ms" not in dict(channels.ChannelSettings(keepalive=0).options())
