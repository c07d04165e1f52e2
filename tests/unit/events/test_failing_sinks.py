"""Where the fault lies: several events that the sink refuses do not make a sink that takes nothing."""

from __future__ import annotations

import asyncio
import contextlib

from orchestrator.events.shared_sink import SharedSink
from orchestrator.ports.outbox import KeptEvent
from orchestrator.ports.sink import NotTaken
from orchestrator.testing.world.sink import ScriptedSink
from tests.support.journals import told
from tests.unit.events.relay_world import BROKEN, DOWN, GIVE_UP, HOUR, World, positions, run

FEW = 5
"""So many sagas in a row that are not taken make a sink a failing one."""


def refuse_bad(event: KeptEvent) -> NotTaken | None:
    return BROKEN if event.event.saga_id.startswith("bad") else None


async def five_are_refused(world: World) -> None:
    """Five sagas in a row are refused, and nothing is taken between."""
    world.sink.answer = refuse_bad
    world.relay()
    for number in range(FEW):
        world.tell(f"bad-{number}")
        await asyncio.sleep(5)


def test_five_refused_events_in_a_row_hold_up_the_others_for_a_minute_at_most() -> None:
    async def test(world: World) -> None:
        await five_are_refused(world)
        await asyncio.sleep(600)
        world.tell("good")
        await asyncio.sleep(65)

        assert positions(world.sink.told) == [FEW + 1]

    run(test)


def test_events_that_are_refused_while_others_are_taken_do_not_make_the_sink_a_failing_one() -> None:
    async def test(world: World) -> None:
        await five_are_refused(world)
        world.tell("good")
        await asyncio.sleep(65)
        for number in range(10):
            await asyncio.sleep(600)
            world.tell(f"good-{number}")
            await asyncio.sleep(2)
            assert len(world.sink.told) == 2 + number
        (record,) = await world.journal.sinks()
        assert (record.blocked, record.failing_since) == (FEW, None)

    run(test)


def test_a_sink_that_goes_down_is_left_in_peace_also_by_events_that_it_has_refused_before() -> None:
    async def test(world: World) -> None:
        world.sink.answer = refuse_bad
        world.tell(*(f"bad-{number}" for number in range(50)), "good")
        world.relay()
        await asyncio.sleep(10)
        world.sink.answer = lambda _event: DOWN
        await asyncio.sleep(HOUR)
        asked = len(world.sink.asked)
        await asyncio.sleep(HOUR)

        assert len(world.sink.asked) - asked <= 61

    run(test)


def test_a_sink_that_is_back_after_a_long_time_and_is_busy_at_first_loses_nothing() -> None:
    async def test(world: World) -> None:
        world.sink.answer = lambda _event: DOWN
        world.tell(*(f"saga-{number}" for number in range(20)))
        world.relay()
        await asyncio.sleep(2 * GIVE_UP)
        world.sink.answer = lambda event: None if event.event.saga_id == "saga-0" else DOWN
        await asyncio.sleep(HOUR)
        assert positions(world.sink.told) == [1]
        assert await world.journal.dead_letters("sink", 0, 99) == []
        world.sink.answer = lambda _event: None
        await asyncio.sleep(HOUR)

        assert sorted(positions(world.sink.told)) == list(range(1, 21))

    run(test)


def test_a_dead_letter_that_somebody_wants_to_be_tried_has_its_turn_while_the_sink_takes_nothing() -> None:
    async def test(world: World) -> None:
        world.sink.answer = refuse_bad
        world.tell("bad", "good")
        world.relay()
        await asyncio.sleep(GIVE_UP + HOUR)
        world.tell(*(f"bad-{number}" for number in range(FEW)))
        await asyncio.sleep(60)
        world.sink.answer = lambda event: None if event.event.saga_id == "bad" else refuse_bad(event)
        await world.journal.retry_dead_letters("sink", [1])
        await asyncio.sleep(130)

        assert positions(world.sink.told) == [2, 1]

    run(test)


def test_many_events_of_a_saga_that_waits_hold_up_no_other() -> None:
    async def test(world: World) -> None:
        world.sink.answer = lambda event: NotTaken("500", True, 3600) if event.position == 1 else None
        world.tell(*["bad"] * 1_000, "good")
        world.relay()
        await asyncio.sleep(5)

        assert positions(world.sink.told) == [1_001]

    run(test)


def test_what_was_under_way_when_the_sink_began_to_fail_does_not_lengthen_the_pause() -> None:
    async def test(world: World) -> None:
        world.sink.seconds = lambda _event: 0.1
        world.sink.answer = lambda _event: DOWN
        world.tell(*(f"saga-{number}" for number in range(8)))
        world.relay()
        await asyncio.sleep(0.5)
        world.sink.answer = lambda _event: None
        await asyncio.sleep(3)

        assert len(world.sink.told) == 8

    run(test)


def test_of_sagas_that_share_a_failing_sink_one_that_was_not_refused_comes_first() -> None:
    async def until_taken(shared: SharedSink, saga_id: str) -> None:
        event = KeptEvent(1, told(1, saga_id, at=1))
        failure = await shared.tell(event)
        while failure is not None:
            await asyncio.sleep(failure.retry_after or 1)
            failure = await shared.tell(event)

    async def test(world: World) -> None:
        sink = ScriptedSink()
        sink.answer = refuse_bad
        shared = SharedSink(sink, world.clock)
        refused = [asyncio.ensure_future(until_taken(shared, f"bad-{number}")) for number in range(FEW)]
        await asyncio.sleep(600)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(until_taken(shared, "good"), 65)
        for each in refused:
            each.cancel()
        assert [each.event.saga_id for each in sink.told] == ["good"]

    run(test)
