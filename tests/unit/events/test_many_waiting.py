"""Many sagas that wait: they stand in the outbox, the others go on, and no more is under way than there is room for."""

from __future__ import annotations

import asyncio

from tests.unit.events.relay_world import BROKEN, World, positions, run


def test_however_many_sagas_wait_the_others_go_on() -> None:
    async def test(world: World) -> None:
        world.sink.seconds = lambda _event: 0.001
        world.sink.answer = lambda event: BROKEN if event.event.saga_id.startswith("bad") else None
        world.relay()
        for number in range(1_050):
            world.tell(f"bad-{number}-a", f"bad-{number}-b", f"fine-{number}")
        await asyncio.sleep(60)
        world.tell("bad-7-a", "good")
        await asyncio.sleep(10)

        assert positions(world.sink.told)[-1] == 3_152
        assert len(world.sink.told) == 1_051
        (record,) = await world.journal.sinks()
        assert record.blocked == 2_100

    run(test)


def test_a_relay_holds_no_more_under_way_than_it_has_room_for() -> None:
    async def test(world: World) -> None:
        world.sink.seconds = lambda _event: 9.0
        for number in range(3_000):
            world.tell(f"saga-{number}")
        world.relay()
        await asyncio.sleep(60)
        (record,) = await world.journal.sinks()
        assert record.position < 2_400
        world.sink.seconds = lambda _event: 0.0
        await asyncio.sleep(60)

        assert sorted(positions(world.sink.told)) == list(range(1, 3_001))

    run(test)
