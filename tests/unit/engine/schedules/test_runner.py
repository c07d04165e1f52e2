"""Replicas start what is due: once for each instant, whichever of them die, by the clock of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.engine.sagas import StartSaga
from orchestrator.engine.schedules.turn import request_id_of
from orchestrator.engine.starting import saga_id_of
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status
from orchestrator.ports.schedules import Overlap, StartOutcome
from orchestrator.testing.world.clock import EPOCH
from shop.payment.v1.payment_pb2 import CapturePaymentRequest
from tests.support.engine_world import ORDER, Answer, EngineWorld, trip, turns, until
from tests.support.schedules import MINUTE, new_schedule
from tests.support.wrong_clock import WrongClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.ports.schedules import Schedule
    from tests.support.engine_world import EngineProcess

FIRST = EPOCH // MINUTE * MINUTE + MINUTE
TO_THE_FIRST = (FIRST - EPOCH) / 1_000_000_000
SAID = new_schedule(ORDER)


@pytest.fixture
async def shared() -> AsyncIterator[EngineWorld]:
    world = EngineWorld(trip, shared=True)
    yield world
    world.check_promises()
    await world.end()


async def kept(world: EngineWorld) -> Schedule:
    schedule = await world.journal.find_schedule("trips")
    assert schedule is not None
    return schedule


def saga_at(schedule: Schedule, instant: int) -> str:
    return saga_id_of("trip", request_id_of(schedule.uid, instant))


def started(world: EngineWorld) -> list[str]:
    return list(world.journal._sagas)


async def to_the_first_instant(world: EngineWorld) -> None:
    await world.let_pass(TO_THE_FIRST + 1, step=1)


async def with_five_due_at_once(world: EngineWorld, limits: Limits) -> Answer:
    """A replica for which five schedules were due; what each saga waits for that was begun."""
    world.limits = limits
    one = await world.open()
    world.participants.scripts["AuthorizePayment"] += [answer := Answer()] * 3
    for number in range(5):
        await one.sagas.schedules.create(SAID._replace(name=f"trips-{number}", cron="", at=FIRST))
    await to_the_first_instant(world)
    return answer


async def test_a_due_instant_starts_one_saga_though_two_replicas_look(shared: EngineWorld) -> None:
    one, _ = await shared.open(), await shared.open()
    schedule = await one.sagas.schedules.create(SAID)
    await shared.let_pass(TO_THE_FIRST - 1, step=1)
    assert started(shared) == []
    await shared.let_pass(2, step=1)

    assert started(shared) == [saga_at(schedule, FIRST)]
    await shared.let_pass(60, step=1)
    assert started(shared) == [saga_at(schedule, FIRST), saga_at(schedule, FIRST + MINUTE)]
    recent = [(past.instant, past.outcome, past.saga_id) for past in (await kept(shared)).recent]
    assert recent == [
        (FIRST + number * MINUTE, StartOutcome.STARTED, saga_id) for number, saga_id in enumerate(started(shared))
    ]


@pytest.mark.parametrize("is_durable", [False, True])
async def test_a_replica_that_dies_at_a_start_leaves_it_to_another_one(shared: EngineWorld, is_durable: bool) -> None:
    """Its decision is durable, and its start is, or is not."""
    one = await shared.open()
    schedule = await one.sagas.schedules.create(SAID)
    one.journal.cut_after = int(is_durable)
    one.journal.loses_acknowledgement = is_durable
    await to_the_first_instant(shared)
    assert one.is_dead
    assert started(shared) == [saga_at(schedule, FIRST)][: int(is_durable)]
    assert ((await kept(shared)).next_at, len((await kept(shared)).firing)) == (FIRST, 1)

    shared.journal._alive_until.clear()
    await shared.open()
    await shared.let_pass(10, step=1)
    assert started(shared) == [saga_at(schedule, FIRST)]
    assert shared.state(saga_at(schedule, FIRST)).status is Status.COMPLETED
    assert ((await kept(shared)).next_at, (await kept(shared)).firing) == (FIRST + MINUTE, ())


async def test_what_is_due_while_the_journal_is_away_starts_when_it_is_back(shared: EngineWorld) -> None:
    one = await shared.open()
    schedule = await one.sagas.schedules.create(SAID)
    one.journal.switch("down")
    await to_the_first_instant(shared)
    assert started(shared) == []
    one.journal.switch("up")
    await shared.let_pass(12, step=1)

    assert started(shared) == [saga_at(schedule, FIRST)]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_the_clock_of_the_store_says_what_is_due_and_not_that_of_the_replica(
    shared: EngineWorld, hours: int
) -> None:
    process = shared.process(clock=WrongClock(shared.clock, hours * 3600))
    await process.worker.open()
    schedule = await process.sagas.schedules.create(SAID)
    assert schedule.next_at == FIRST
    await shared.let_pass(TO_THE_FIRST - 1, step=1)
    assert started(shared) == []
    await shared.let_pass(12, step=1)

    assert started(shared) == [saga_at(schedule, FIRST)]


async def test_a_clock_that_is_put_back_repeats_no_start_and_one_that_jumps_ahead_loses_none(
    shared: EngineWorld,
) -> None:
    one = await shared.open()
    schedule = await one.sagas.schedules.create(SAID)
    await to_the_first_instant(shared)
    shared.clock.time -= 45 * 1_000_000_000
    await shared.let_pass(60, step=1)
    assert started(shared) == [saga_at(schedule, FIRST)]

    shared.clock.time += MINUTE
    await shared.let_pass(60, step=1)
    assert started(shared) == [saga_at(schedule, FIRST + number * MINUTE) for number in range(3)]


async def test_an_instant_waits_for_the_saga_that_runs_where_one_is_buffered(shared: EngineWorld) -> None:
    one = await shared.open()
    schedule = await one.sagas.schedules.create(SAID._replace(overlap=Overlap.BUFFER_ONE))
    shared.participants.scripts["AuthorizePayment"].append(answer := Answer())
    await to_the_first_instant(shared)
    await shared.let_pass(60, step=1)
    assert started(shared) == [saga_at(schedule, FIRST)]
    assert (await kept(shared)).buffered == FIRST + MINUTE

    answer.give()
    await shared.let_pass(4, step=1)
    assert started(shared) == [saga_at(schedule, FIRST), saga_at(schedule, FIRST + MINUTE)]


async def test_what_is_due_is_queued_where_a_replica_advances_as_many_sagas_as_it_may(shared: EngineWorld) -> None:
    answer = await with_five_due_at_once(shared, Limits(live=3, queued=10))
    assert sum(state.queued is not None for state in map(shared.state, started(shared))) == 2
    assert len(started(shared)) == 5

    answer.give()
    await shared.let_pass(2)
    assert {shared.state(saga_id).status for saga_id in started(shared)} == {Status.COMPLETED}


async def test_what_is_due_is_started_later_where_the_queue_is_full(shared: EngineWorld) -> None:
    answer = await with_five_due_at_once(shared, Limits(live=3, queued=1))
    assert len(started(shared)) == 4

    answer.give()
    await shared.let_pass(20, step=0.5)
    assert [shared.state(saga_id).status for saga_id in started(shared)] == [Status.COMPLETED] * 5


async def test_where_many_are_due_at_once_they_start_in_the_order_of_their_instants_and_not_all_at_once(
    shared: EngineWorld,
) -> None:
    one = await shared.open()
    shared.participants.scripts["AuthorizePayment"] += [Answer() for _ in range(70)]
    instants = {}
    for number in range(70):
        said = SAID._replace(name=f"trips-{number}", cron="", at=FIRST - number)
        instants[saga_at(await one.sagas.schedules.create(said), said.at)] = said.at
    await shared.let_pass(TO_THE_FIRST - 1, step=1)
    await shared.let_pass(1.25)
    first = started(shared)
    assert len(first) == 50
    assert {instants[saga_id] for saga_id in first} == set(sorted(instants.values())[:50])

    await shared.let_pass(1)
    assert len(started(shared)) == 70


async def test_a_start_that_can_never_be_made_is_written_down_and_the_schedule_goes_on(shared: EngineWorld) -> None:
    one = await shared.open()
    await one.sagas.schedules.create(SAID._replace(input_type=CapturePaymentRequest.DESCRIPTOR.full_name))
    await to_the_first_instant(shared)

    (past,) = (await kept(shared)).recent
    assert (past.outcome, started(shared)) == (StartOutcome.REFUSED, [])
    assert past.message.startswith("its input is a shop.payment.v1.CapturePaymentRequest, and trip v1 takes a ")
    assert (await kept(shared)).next_at == FIRST + MINUTE


async def test_a_saga_that_another_version_of_the_program_has_started_in_other_bytes_is_the_same_one(
    shared: EngineWorld,
) -> None:
    one = await shared.open()
    schedule = await one.sagas.schedules.create(SAID)
    saga_id = saga_at(schedule, FIRST)
    await one.worker.start(StartSaga(saga_id, "trip", 1, ORDER.SerializeToString(), b"another digest"))
    await to_the_first_instant(shared)

    (past,) = (await kept(shared)).recent
    assert (past.outcome, past.saga_id, started(shared)) == (StartOutcome.STARTED, saga_id, [saga_id])


async def test_a_replica_that_does_not_serve_the_saga_leaves_the_schedule_to_one_that_does(
    shared: EngineWorld,
) -> None:
    one = await shared.open()
    schedule = await one.sagas.schedules.create(SAID._replace(version=2))
    await to_the_first_instant(shared)
    assert started(shared) == []
    assert (await kept(shared)) == schedule


async def test_a_replica_that_runs_alone_starts_what_is_due(world_alone: EngineProcess) -> None:
    await world_alone.sagas.schedules.create(SAID)
    schedule, saga_id = await world_alone.sagas.schedules.run("trips", "", Actor("ada"))
    await until(lambda: saga_id in world_alone.worker.adapters.journal.journal._sagas)  # type: ignore[attr-defined]
    assert schedule.firing[0].by == Actor("ada")


@pytest.fixture
async def world_alone() -> AsyncIterator[EngineProcess]:
    world = EngineWorld(trip)
    yield await world.open()
    await turns()
    world.check_promises()
    await world.end()
