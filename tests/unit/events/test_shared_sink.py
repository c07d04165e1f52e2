"""A sink that sagas tell side by side: where it takes nothing, one of them tries, and the others are told to wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from orchestrator.events.shared_sink import SharedSink
from orchestrator.ports.outbox import KeptEvent
from orchestrator.ports.sink import NotTaken
from orchestrator.testing.world.clock import VirtualClock
from orchestrator.testing.world.sink import ScriptedSink
from orchestrator.testing.world.virtual_loop import VirtualLoop
from tests.support.journals import told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

DOWN = NotTaken("nobody there", answered=False)
MANY = 40


def event_of(number: int) -> KeptEvent:
    """The first event of a saga of its own."""
    return KeptEvent(1, told(number, f"saga-{number}", at=1))


def run(test: Callable[[ScriptedSink, SharedSink], Awaitable[None]]) -> None:
    """Run a test in a virtual world."""
    with contextlib.closing(VirtualLoop(None)) as loop:

        async def play() -> None:
            sink = ScriptedSink()
            await test(sink, SharedSink(sink, VirtualClock()))

        loop.run_until_complete(play())
        loop.sweep()


async def told_at_once(shared: SharedSink, number: int) -> list[NotTaken | None]:
    """What becomes of the events of so many sagas that are told side by side."""
    return await asyncio.gather(*(shared.tell(event_of(each)) for each in range(number)))


def test_a_sink_that_takes_nothing_is_asked_by_one_saga_at_a_time() -> None:
    async def test(sink: ScriptedSink, shared: SharedSink) -> None:
        sink.answer = lambda _event: DOWN
        await told_at_once(shared, MANY)
        asked = len(sink.asked)

        refused = await told_at_once(shared, MANY)
        await asyncio.sleep(120)
        sink.seconds = lambda _event: 1.0
        await told_at_once(shared, MANY)

        assert asked < MANY, "those that come after several have failed are not sent"
        assert all(each is not None and each.retry_after >= 1 and "nobody there" in each.error for each in refused)
        assert len(sink.asked) == asked + 1

    run(test)


def test_a_sink_that_is_back_takes_what_comes_and_the_log_tells_each_change_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def test(sink: ScriptedSink, shared: SharedSink) -> None:
        sink.answer = lambda _event: DOWN
        await told_at_once(shared, MANY)
        sink.answer = lambda _event: None
        await asyncio.sleep(120)

        assert await shared.tell(event_of(1)) is None
        assert await told_at_once(shared, MANY) == [None] * MANY

    run(test)
    assert caplog.messages == ["sink takes no events: nobody there", "sink takes events again"]


def test_no_more_deliveries_than_the_sink_says_are_under_way_at_once() -> None:
    async def test(sink: ScriptedSink, shared: SharedSink) -> None:
        sink.seconds = lambda _event: 1.0
        telling = asyncio.ensure_future(told_at_once(shared, MANY))
        await asyncio.sleep(0.5)

        assert len(sink.asked) == sink.most_at_once
        assert await telling == [None] * MANY

    run(test)


def test_what_the_sink_raises_is_an_event_that_was_not_taken() -> None:
    async def test(sink: ScriptedSink, shared: SharedSink) -> None:
        def fail(_event: KeptEvent) -> None:
            raise LookupError("an unknown type")

        sink.answer = fail

        assert await shared.tell(event_of(1)) == NotTaken("LookupError: an unknown type", answered=True)

    run(test)
