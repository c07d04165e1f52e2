"""The relay: at least once, in the order of each saga, whatever the sink does and whichever replica dies."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import pytest

from orchestrator.ports.sink import NotTaken
from tests.unit.events.relay_world import BROKEN, DOWN, GIVE_UP, HOUR, World, first_of_each, positions, run

if TYPE_CHECKING:
    from orchestrator.ports.outbox import KeptEvent


@pytest.mark.parametrize("seed", range(5))
def test_every_event_is_told_and_those_of_one_saga_in_their_order(seed: int) -> None:
    async def test(world: World) -> None:
        random = Random(seed)
        sagas = [random.choice("abcdef") for _ in range(500)]
        world.sink.seconds = lambda _event: random.random() / 10
        world.relay()
        for number in range(0, 500, 50):
            world.tell(*sagas[number : number + 50])
            await asyncio.sleep(0.5)
        await asyncio.sleep(60)

        assert sorted(positions(world.sink.told)) == list(range(1, 501)), "once each, where nothing fails"
        for saga_id in "abcdef":
            mine = positions(world.sink.told, saga_id)
            assert mine == sorted(mine)

    run(test, seed)


def test_a_receiver_that_is_down_for_an_hour_gets_all_events_afterwards_and_is_left_in_peace_until_then() -> None:
    async def test(world: World) -> None:
        world.sink.answer = lambda _event: DOWN
        world.relay()
        for minute in range(60):
            world.tell(f"saga-{minute}", f"saga-{minute}", "of-all")
            await asyncio.sleep(60)
        asked = len(world.sink.asked)
        assert asked < 200, "it tries once in a while, one event at a time"
        world.sink.answer = lambda _event: None
        await asyncio.sleep(120)

        assert sorted(set(positions(world.sink.told))) == list(range(1, 181))
        for saga_id in ("of-all", "saga-7"):
            mine = positions(world.sink.told, saga_id)
            assert mine == sorted(mine)
        assert await world.journal.dead_letters("sink", 0, 9) == []
        (record,) = await world.journal.sinks()
        assert (record.position, record.blocked, record.failing_since) == (180, 0, None)

    run(test)


def test_a_receiver_that_is_down_for_longer_than_an_event_may_fail_loses_nothing() -> None:
    async def test(world: World) -> None:
        world.tell(*(f"saga-{number}" for number in range(20)))
        world.sink.answer = lambda _event: DOWN
        world.relay()
        await asyncio.sleep(5 * GIVE_UP)
        assert await world.journal.dead_letters("sink", 0, 9) == []
        world.sink.answer = lambda _event: None
        await asyncio.sleep(HOUR)

        assert sorted(positions(world.sink.told)) == list(range(1, 21))

    run(test)


def test_a_sink_for_which_everything_was_given_up_is_told_the_next_event() -> None:
    async def test(world: World) -> None:
        world.tell(*(f"saga-{number}" for number in range(6)))
        world.sink.answer = lambda _event: BROKEN
        world.relay()
        await asyncio.sleep(6 * GIVE_UP)
        assert len(await world.journal.dead_letters("sink", 0, 9)) == 6, "it answers, so it is there to refuse them"
        world.sink.answer = lambda _event: None
        world.tell("saga-9", "saga-9")
        await asyncio.sleep(HOUR)

        assert positions(world.sink.told) == [7, 8]

    run(test)


def test_an_event_that_the_sink_refuses_holds_up_its_own_saga_alone_and_until_its_dead_letter_alone() -> None:
    async def test(world: World) -> None:
        world.tell("bad", "good", "bad", "good")
        world.sink.answer = lambda event: BROKEN if event.position == 1 else None
        world.relay()
        await asyncio.sleep(10)
        world.tell("good", "bad", "other")
        await asyncio.sleep(10)
        assert positions(world.sink.told) == [2, 4, 5, 7], "the others go on, the later ones of the saga wait"

        await asyncio.sleep(GIVE_UP + HOUR)

        assert positions(world.sink.told, "bad") == [3, 6]
        (dead,) = await world.journal.dead_letters("sink", 0, 9)
        assert (dead.position, dead.saga_id, dead.error) == (1, "bad", "500")
        assert dead.attempts > 100

    run(test)


def test_an_event_that_is_taken_at_last_is_followed_by_those_that_waited() -> None:
    async def test(world: World) -> None:
        world.tell("bad", "bad", "good")
        world.sink.answer = lambda event: BROKEN if event.position == 1 else None
        world.relay()
        await asyncio.sleep(HOUR)
        world.tell("bad")
        world.sink.answer = lambda _event: None
        await asyncio.sleep(70)

        assert positions(world.sink.told, "bad") == [1, 2, 4]
        (record,) = await world.journal.sinks()
        assert (record.position, record.blocked) == (4, 0)

    run(test)


def test_an_event_that_the_sink_is_slow_to_take_holds_up_its_own_saga_alone() -> None:
    async def test(world: World) -> None:
        world.sink.seconds = lambda event: 9.0 if event.event.saga_id == "slow" else 0.01
        world.relay()
        for _ in range(30):
            world.tell("slow", "quick")
            await asyncio.sleep(1)
        assert len(positions(world.sink.told, "quick")) >= 28
        await asyncio.sleep(300)

        assert positions(world.sink.told, "slow") == list(range(1, 61, 2))

    run(test)


def test_an_event_at_which_the_sink_hangs_becomes_a_dead_letter_because_others_are_taken() -> None:
    async def test(world: World) -> None:
        world.tell("hangs", "hangs")
        world.sink.seconds = lambda event: 99.0 if event.position == 1 else 0.0
        world.relay()
        for _ in range(4):
            await asyncio.sleep(HOUR)
            world.tell("good")

        assert [each.position for each in await world.journal.dead_letters("sink", 0, 9)] == [1]
        assert positions(world.sink.told, "hangs") == [2]
        assert len(positions(world.sink.told, "good")) == 3

    run(test)


def test_a_dead_letter_is_told_once_somebody_asks_for_that() -> None:
    async def test(world: World) -> None:
        world.tell("bad", "bad")
        world.sink.answer = lambda event: BROKEN if event.position == 1 else None
        world.relay()
        await asyncio.sleep(GIVE_UP + HOUR)
        await world.journal.retry_dead_letters("sink", [1])
        await asyncio.sleep(10)
        (dead,) = await world.journal.dead_letters("sink", 0, 9)
        assert dead.due_at is None, "tried in vain, and left in peace"
        world.sink.answer = lambda _event: None
        await world.journal.retry_dead_letters("sink", [])
        await asyncio.sleep(10)

        assert positions(world.sink.told) == [2, 1]
        assert await world.journal.dead_letters("sink", 0, 9) == []

    run(test)


def test_a_sink_that_asks_to_be_left_alone_is_left_alone_for_so_long() -> None:
    async def test(world: World) -> None:
        world.tell("a")
        world.sink.answer = lambda _event: NotTaken("429", answered=True, retry_after=600)
        world.relay()
        await asyncio.sleep(599)
        assert len(world.sink.asked) == 1
        world.sink.answer = lambda _event: None
        await asyncio.sleep(5)

        assert positions(world.sink.told) == [1]

    run(test)


@pytest.mark.parametrize("seed", range(10))
def test_a_relay_that_dies_is_followed_by_one_that_misses_nothing_and_keeps_the_order(seed: int) -> None:
    async def test(world: World) -> None:
        random = Random(seed)
        failing = set(random.sample(range(1, 301), 20))
        world.sink.seconds = lambda _event: random.random() / 5
        world.sink.answer = lambda event: BROKEN if event.position in failing and random.random() < 0.5 else None
        for life in range(6):
            relay = world.relay(f"life-{life}")
            world.tell(*(random.choice("abcdefgh") for _ in range(50)))
            await asyncio.sleep(random.uniform(0, 8))
            await world.die(relay)
        world.relay("last")
        await asyncio.sleep(900)

        taken = first_of_each(world.sink.told)
        assert sorted(positions(taken)) == list(range(1, 301))
        for saga_id in "abcdefgh":
            mine = positions(taken, saga_id)
            assert mine == sorted(mine)

    run(test, seed)


def test_of_two_replicas_one_tells_until_it_falls_silent_then_the_other() -> None:
    async def test(world: World) -> None:
        first, other = world.relay("a"), world.relay("b")
        world.tell(*"aaaa")
        await asyncio.sleep(5)
        assert sorted([first.told, other.told]) == [0, 4]
        active = first if first.told else other
        await world.die(active)
        world.tell(*"aaaa")
        await asyncio.sleep(20)
        assert len(world.sink.told) == 4, "the lease lasts"
        await asyncio.sleep(20)

        assert positions(world.sink.told) == list(range(1, 9))

    run(test)


def test_a_relay_that_is_closed_tells_what_is_there_and_lets_another_have_the_sink_at_once() -> None:
    async def test(world: World) -> None:
        first = world.relay("a")
        await asyncio.sleep(1)
        world.tell(*"abcd")
        await first.close(5)
        assert sorted(positions(world.sink.told)) == [1, 2, 3, 4]
        world.relay("b")
        world.tell("a")
        await asyncio.sleep(2)

        assert positions(world.sink.told)[4:] == [5]

    run(test)


def test_a_replay_tells_everything_after_a_position_again_with_the_same_ids() -> None:
    async def test(world: World) -> None:
        world.tell(*"abab")
        world.relay()
        await asyncio.sleep(1)
        await world.journal.replay("sink", 1)
        await asyncio.sleep(5)

        again = world.sink.told[4:]
        assert sorted(positions(again)) == [2, 3, 4]
        assert {each.event.event_id for each in again} < {each.event.event_id for each in world.sink.told[:4]}

    run(test)


def test_a_relay_that_lost_its_claim_writes_nothing_down() -> None:
    async def test(world: World) -> None:
        world.tell("a")
        world.sink.seconds = lambda _event: 5.0
        world.relay("a")
        await asyncio.sleep(0.5)
        await world.journal.replay("sink", 0)
        await asyncio.sleep(60)

        (record,) = await world.journal.sinks()
        assert record.position == 1
        assert positions(world.sink.told)[-1] == 1

    run(test)


def test_an_event_at_which_a_sink_itself_fails_holds_up_its_own_saga_alone() -> None:
    def fail(event: KeptEvent) -> NotTaken | None:
        if event.event.saga_id == "bad":
            raise ValueError("no such type")
        return None

    async def test(world: World) -> None:
        world.tell("bad", "good", "bad", "good")
        world.sink.answer = fail
        world.relay()
        await asyncio.sleep(GIVE_UP + HOUR)

        assert positions(world.sink.told) == [2, 4]
        dead = await world.journal.dead_letters("sink", 0, 9)
        assert dead[0].error == "ValueError: no such type"

    run(test)
