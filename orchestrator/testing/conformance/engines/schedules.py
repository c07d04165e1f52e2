"""Sagas that start by themselves: at an instant, by hand, or not at all, as the schedule says."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from orchestrator.engine.schedules.facade import NewSchedule
from orchestrator.engine.schedules.turn import request_id_of
from orchestrator.engine.starting import saga_id_of
from orchestrator.errors import InvalidInput, SagaNotFound, ScheduleExists, ScheduleNotFound, ScheduleRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.schedules import Missed, Overlap, ScheduleActKind, StartOutcome
from orchestrator.testing.conformance.engines.answers import ADA, decision
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.raising import raises
from orchestrator.testing.conformance.engines.sagas import ORDER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.journal.state import SagaState
    from orchestrator.ports.schedules import PastStart, Schedule
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()

T = TypeVar("T")

BOB: Final = Actor("bob")
_ONE: Final = "6f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11"
_SECOND: Final = 1_000_000_000
_SOON: Final = 2 * _SECOND
_MARGINS: Final = (2, 8, 32, 128)
"""So many seconds lie before an instant by which something must be done; the next one where that took longer."""
_MINUTE: Final = 60 * _SECOND


def _new(**changes: Any) -> NewSchedule:  # noqa: ANN401 - any field
    """Starts the newest trip once a year."""
    new = NewSchedule(
        name="trips",
        cron="0 0 1 1 *",
        zone="Europe/Berlin",
        at=0,
        definition="trip",
        version=0,
        input_type=ORDER.DESCRIPTOR.full_name,
        input=ORDER.SerializeToString(deterministic=True),
        overlap=Overlap.SKIP,
        missed=Missed.RUN_LAST,
        missed_limit=10,
        window=_MINUTE,
        created_by=ADA,
    )
    return new._replace(**changes)


def _soon(**changes: Any) -> NewSchedule:  # noqa: ANN401 - any field
    """Starts the newest trip once, in a moment."""
    return _new(**{"cron": "", "at": time.time_ns() + _SOON, **changes})


def _saga_at(schedule: Schedule, instant: int) -> str:
    return saga_id_of(schedule.definition, request_id_of(schedule.uid, instant))


async def _before_the_instant(
    stage: Stage,
    do: Callable[[Schedule], Awaitable[T]],
    **changes: Any,  # noqa: ANN401 - any field
) -> tuple[Schedule, T]:
    """A schedule that starts once, and what was done to it before: on a machine that is busy, with another schedule."""
    for margin in _MARGINS:
        at = time.time_ns() + margin * _SECOND
        with contextlib.suppress(InvalidInput):  # it took so long that the instant was over
            schedule = await stage.schedules.create(_soon(name=f"trips-{margin}", at=at, **changes))
            done = await do(schedule)
            if time.time_ns() < at:
                return schedule, done
    raise AssertionError(f"nothing can be done within {margin} seconds")


async def _after_the_instant(stage: Stage, schedule: Schedule) -> None:
    """Wait until another schedule has started its saga at the same instant, or later."""
    at = max(schedule.at, time.time_ns() + _SOON)
    await stage.schedules.create(_soon(name="beside", at=at, definition="drawn"))
    await _past(stage, name="beside")


async def _past(stage: Stage, number: int = 1, name: str = "trips") -> list[PastStart]:
    """What became of the instants, once so many are told of."""
    told: list[PastStart] = []

    async def is_told() -> bool:
        told[:] = (await stage.schedules.get(name)).recent
        return len(told) >= number

    await stage.eventually(is_told)
    return told


async def _is_there(stage: Stage, saga_id: str) -> bool:
    try:
        await stage.sagas.get(saga_id)
    except SagaNotFound:
        return False
    return True


async def _rests(stage: Stage, saga_id: str) -> SagaState:
    """A saga, once it is started and has ended."""
    await stage.eventually(lambda: _is_there(stage, saga_id))
    return await stage.rests(saga_id)


@scenario()
async def a_schedule_is_created_once(stage: Stage) -> None:
    """A repeated request finds it; a name that is taken, and another content, are refused, and so is what is wrong."""
    created = await stage.schedules.create(_new(request_id=_ONE))

    assert await stage.schedules.create(_new(request_id=_ONE)) == created
    assert (await stage.schedules.get("trips")) == created
    assert created.next_at is not None
    async with raises(ScheduleExists, "REQUEST_ID_REUSED"):
        await stage.schedules.create(_new(request_id=_ONE, cron="0 * * * *"))
    async with raises(ScheduleExists, "SCHEDULE_EXISTS"):
        await stage.schedules.create(_new())
    async with raises(InvalidInput):
        await stage.schedules.create(_new(name="other", cron="61 * * * *"))
    async with raises(InvalidInput):
        await stage.schedules.create(_soon(name="other", at=1))


@scenario()
async def schedules_are_listed_by_name(stage: Stage) -> None:
    """From the first name after one on, so many at most."""
    for name in ("b", "c", "a"):
        await stage.schedules.create(_new(name=name))

    async def are_listed() -> bool:
        return [each.name for each in await stage.schedules.list_after("", 10)] == ["a", "b", "c"]

    await stage.eventually(are_listed)
    assert [each.name for each in await stage.schedules.list_after("a", 1)] == ["b"]


@scenario()
async def a_schedule_that_is_not_there_is_not_found(stage: Stage) -> None:
    """Whatever is asked of it."""
    for ask in (
        stage.schedules.get("none"),
        stage.schedules.pause("none", "why", ADA),
        stage.schedules.resume("none", ADA),
        stage.schedules.delete("none", ADA),
        stage.schedules.run("none", "", ADA),
    ):
        async with raises(ScheduleNotFound):
            await ask


@scenario()
async def a_schedule_starts_its_saga_at_the_instant(stage: Stage) -> None:
    """The newest version, with its input, under an id that follows from the schedule and the instant."""
    schedule = await stage.schedules.create(_soon())

    (past,) = await _past(stage)

    saga_id = _saga_at(schedule, schedule.at)
    state = await _rests(stage, saga_id)
    assert (past.instant, past.outcome, past.saga_id) == (schedule.at, StartOutcome.STARTED, saga_id)
    assert (state.definition, state.version, state.status) == ("trip", 2, Status.COMPLETED)
    assert (state.input, dict(state.attributes)) == (schedule.input, {"customer_id": "ada"})
    assert state.started_at >= schedule.at
    assert (await stage.schedules.get("trips")).next_at is None


@scenario()
async def a_paused_schedule_starts_nothing_until_it_is_resumed(stage: Stage) -> None:
    """What falls into the pause is over; who paused and resumed it, and why, is kept."""
    schedule, paused = await _before_the_instant(
        stage, lambda schedule: stage.schedules.pause(schedule.name, "holidays", BOB)
    )
    await _after_the_instant(stage, schedule)
    resumed = await stage.schedules.resume(schedule.name, ADA)

    assert paused.pause is not None
    assert (paused.pause.why, paused.pause.by) == ("holidays", BOB)
    assert (resumed.pause, resumed.next_at, resumed.recent) == (None, None, ())
    assert not await _is_there(stage, _saga_at(schedule, schedule.at))
    assert [(act.kind, act.by, act.why) for act in (await stage.schedules.get(schedule.name)).acts] == [
        (ScheduleActKind.CREATED, ADA, ""),
        (ScheduleActKind.PAUSED, BOB, "holidays"),
        (ScheduleActKind.RESUMED, ADA, ""),
    ]


@scenario()
async def a_start_by_hand_is_made_once_for_one_request_though_the_schedule_is_paused(stage: Stage) -> None:
    """The saga has the version that the schedule names, and says who wanted it."""
    await stage.schedules.create(_new(version=1))
    await stage.schedules.pause("trips", "not now", ADA)

    _, saga_id = await stage.schedules.run("trips", _ONE, BOB)
    (past,) = await _past(stage)
    _, same = await stage.schedules.run("trips", _ONE, BOB)
    _, other = await stage.schedules.run("trips", "", BOB)
    await _past(stage, 2)

    state = await _rests(stage, saga_id)
    assert (same, past.saga_id, past.message) == (saga_id, saga_id, "by hand, by bob")
    assert (state.version, state.started_by, state.status) == (1, BOB, Status.COMPLETED)
    assert other != saga_id
    assert (await _rests(stage, other)).status is Status.COMPLETED


@scenario()
async def a_deleted_schedule_starts_nothing_and_says_who_deleted_it(stage: Stage) -> None:
    """Its request makes nothing again, and its name is free for another one, whose sagas are others."""
    schedule, deleted = await _before_the_instant(
        stage, lambda schedule: stage.schedules.delete(schedule.name, BOB), request_id=_ONE
    )
    await _after_the_instant(stage, schedule)

    assert deleted.uid == schedule.uid
    assert not await _is_there(stage, _saga_at(schedule, schedule.at))
    try:
        await stage.schedules.get(schedule.name)
    except ScheduleNotFound as error:
        assert "by bob" in str(error), error  # noqa: PT017 - no pytest here
    else:
        raise AssertionError("it is there")
    async with raises(ScheduleRefused, "SCHEDULE_DELETED"):
        await stage.schedules.create(_new(name=schedule.name, request_id=_ONE))

    anew = await stage.schedules.create(_new(name=schedule.name))
    assert anew.uid != schedule.uid
    assert [each.name for each in await stage.schedules.list_after("beside", 10)] == [schedule.name]


@scenario()
async def an_instant_starts_nothing_while_a_saga_of_the_schedule_runs_where_that_is_skipped(stage: Stage) -> None:
    """A saga that was started by hand is one of its sagas, too, and one that waits has not ended."""
    schedule, saga_id = await _before_the_instant(
        stage, lambda schedule: _waiting(stage, schedule), definition="approved"
    )

    _, skipped = await _past(stage, 2, schedule.name)

    assert (skipped.instant, skipped.outcome) == (schedule.at, StartOutcome.STILL_RUNNING)
    assert (await stage.schedules.get(schedule.name)).running == (saga_id,)
    assert not await _is_there(stage, _saga_at(schedule, schedule.at))


@scenario()
async def an_instant_waits_for_the_saga_that_runs_where_one_is_buffered(stage: Stage) -> None:
    """It starts once that one has ended."""
    schedule, saga_id = await _before_the_instant(
        stage, lambda schedule: _waiting(stage, schedule), definition="approved", overlap=Overlap.BUFFER_ONE
    )
    await _after_the_instant(stage, schedule)
    was_there = await _is_there(stage, _saga_at(schedule, schedule.at))

    await stage.sagas.signal(saga_id, decision(_ONE))
    _, started = await _past(stage, 2, schedule.name)

    assert not was_there
    assert (started.instant, started.saga_id) == (schedule.at, _saga_at(schedule, schedule.at))
    assert (await stage.sagas.get(saga_id)).status is Status.COMPLETED


@scenario()
async def an_instant_starts_a_saga_beside_the_one_that_runs_where_all_are_allowed(stage: Stage) -> None:
    """Both are told of."""
    schedule, saga_id = await _before_the_instant(
        stage, lambda schedule: _waiting(stage, schedule), definition="approved", overlap=Overlap.ALLOW_ALL
    )

    started = [past.saga_id for past in await _past(stage, 2, schedule.name)]

    assert started == [saga_id, _saga_at(schedule, schedule.at)]
    assert (await stage.sagas.get(saga_id)).status not in ENDED


async def _waiting(stage: Stage, schedule: Schedule) -> str:
    """A saga that is started by hand, and does not end before somebody says yes."""
    _, saga_id = await stage.schedules.run(schedule.name, "", ADA)
    await stage.eventually(lambda: _is_there(stage, saga_id))
    return saga_id
