"""Room for queued sagas is shared between definitions, by weight, and a flood of one starves no other."""

from __future__ import annotations

from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.engine.replica.capacity.room import Room
from orchestrator.engine.replica.capacity.turns import Turns
from orchestrator.journal.priority import HEAD_START, Priority

FLOOD = {"order": 10_000, "trip": 10_000}


def test_two_definitions_get_the_same_room() -> None:
    assert Turns({}).share(10, FLOOD) == {"order": 5, "trip": 5}


def test_a_definition_of_three_times_the_weight_gets_three_times_the_room() -> None:
    turns = Turns({"order": 3})
    given = [turns.share(1, FLOOD) for _ in range(80)]

    assert sum(each.get("order", 0) for each in given) == 60


def test_what_one_definition_cannot_take_another_one_gets() -> None:
    assert Turns({}).share(10, {"order": 2, "trip": 100}) == {"order": 2, "trip": 8}


def test_room_by_room_nobody_is_passed_over() -> None:
    turns = Turns({})

    assert [*turns.share(1, FLOOD), *turns.share(1, FLOOD)] == ["order", "trip"]


def test_a_definition_that_had_nothing_queued_gets_no_more_for_it_later() -> None:
    turns = Turns({})
    turns.share(1000, {"order": 10_000})

    assert turns.share(10, FLOOD) == {"order": 5, "trip": 5}


def test_where_nothing_is_queued_or_there_is_no_room_nothing_is_shared() -> None:
    assert Turns({}).share(10, {"order": 0}) == {}
    assert Turns({}).share(0, FLOOD) == {}
    assert Turns({}).share(-3, FLOOD) == {}


def test_a_definition_has_a_limit_of_its_own_within_that_of_all() -> None:
    room = Room(Limits(live=3, live_by_definition={"order": 1}))
    assert not room.is_full("order")
    room.enter("order")

    assert room.is_full("order")
    assert not room.is_full("trip")
    room.enter("trip")
    room.enter("trip")
    assert room.is_full("trip")
    room.leave("order")
    assert not room.is_full("trip")


def test_a_flood_of_one_definition_leaves_half_of_the_queue_to_the_others() -> None:
    limits = Limits(queued=10, queued_by_definition={"trip": 8})

    assert (limits.queued_of("order"), limits.queued_of("trip")) == (5, 8)


def test_a_higher_level_is_a_head_start_and_no_more() -> None:
    assert Priority.HIGH.turn_at(HEAD_START) == Priority.NORMAL.turn_at(0) == 0
    assert Priority.LOW.turn_at(0) < Priority.HIGH.turn_at(2 * HEAD_START + 1)
