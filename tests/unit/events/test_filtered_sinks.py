"""A sink that wants some types alone: what it does not want says nothing of how it fares."""

from __future__ import annotations

import asyncio

from orchestrator.events.shared_sink import SharedSink
from orchestrator.testing.world.clock import VirtualClock
from orchestrator.testing.world.sink import ScriptedSink
from tests.unit.events.relay_world import DOWN, GIVE_UP, HOUR, World, positions, run

UNWANTED = "saga.v1.SagaStarted"


def test_a_filtered_sink_that_is_down_gives_nothing_up_however_much_it_is_not_told_of() -> None:
    async def test(world: World) -> None:
        world.sink.wanted = lambda kind: kind != UNWANTED
        world.sink.answer = lambda _event: DOWN
        relay = world.relay()
        world.tell("order-1", "order-2", "order-1")
        for number in range(180):
            world.tell(f"other-{number}", kind=UNWANTED)
            await asyncio.sleep(GIVE_UP / 60)
        assert await world.journal.dead_letters("sink", 0, 99) == []
        assert relay.told == 0
        world.sink.answer = lambda _event: None
        await asyncio.sleep(HOUR)

        assert sorted(positions(world.sink.told)) == [1, 2, 3]
        (record,) = await world.journal.sinks()
        assert (record.position, record.blocked) == (183, 0)

    run(test)


def test_what_a_sink_does_not_want_is_passed_over_between_what_it_wants() -> None:
    async def test(world: World) -> None:
        world.sink.wanted = lambda kind: kind != UNWANTED
        for kind in (UNWANTED, "shop.v1.Sold", UNWANTED, UNWANTED, "shop.v1.Sold"):
            world.tell("order-1", kind=kind)
        world.relay()
        await asyncio.sleep(10)

        assert positions(world.sink.asked) == [2, 5]
        (record,) = await world.journal.sinks()
        assert (record.position, record.blocked) == (5, 0)

    run(test)


def test_a_sink_that_sagas_share_wants_what_the_sink_behind_it_wants() -> None:
    sink = ScriptedSink()
    sink.wanted = lambda kind: kind != UNWANTED
    shared = SharedSink(sink, VirtualClock())
    assert [shared.wants(kind) for kind in ("shop.v1.Sold", UNWANTED)] == [True, False]
