"""What an instant comes to, when a worker of Temporal takes it: as on a replica, by the clock of the worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from temporalio.testing import ActivityEnvironment

from orchestrator.engine.schedules.turn import request_id_of
from orchestrator.engine.starting import saga_id_of
from orchestrator.engine.temporal.opening import WorkerOptions, hosting_of
from orchestrator.engine.temporal.schedules.starting import ScheduledStarts, pasts_in
from orchestrator.engine.temporal.wire import read, write
from orchestrator.ports.schedule_document import to_document
from orchestrator.ports.schedules import Missed, Overlap, PastStart, ScheduleAct, ScheduleActKind, StartOutcome
from orchestrator.testing.conformance.engines.answers import ADA
from orchestrator.testing.conformance.engines.sagas import ORDER, trip, trip_at_once
from orchestrator.testing.world.clock import EPOCH, JumpingClock
from orchestrator.testing.world.observer import RecordingObserver
from tests.support.schedules import HOURLY, MINUTE

FIRST: Final = EPOCH // MINUTE * MINUTE + MINUTE
TRIPS: Final = replace(
    HOURLY,
    name="trips",
    definition="trip",
    input_type=ORDER.DESCRIPTOR.full_name,
    input=ORDER.SerializeToString(deterministic=True),
    cron="* * * * *",
    acts=(ScheduleAct(ScheduleActKind.CREATED, 1, ADA),),
)


class Deciding:
    """Decides about instants, as a worker does that serves these definitions."""

    def __init__(self, *definitions: Any) -> None:  # noqa: ANN401 - any definition
        self.clock = JumpingClock()
        clock: Any = self.clock
        hosting = hosting_of(definitions or (trip, trip_at_once), WorkerOptions(), clock)
        self.running: list[str] = []
        self.starts = ScheduledStarts(hosting.served, self.by_hand, RecordingObserver(), clock)

    async def by_hand(self, _schedule: object) -> list[str]:
        return self.running

    async def decide(self, schedule: Any, late: float = 0.0, instant: int = FIRST) -> bytes:  # noqa: ANN401 - a schedule
        self.clock.time = instant + int(late * 1e9)
        document = write(schedule=to_document(replace(schedule, input=b"")))
        answer: bytes = await ActivityEnvironment().run(self.starts.decide, document, schedule.input, instant)
        return answer.partition(b"\n")[0]

    async def past(self, schedule: Any, late: float = 0.0, instant: int = FIRST) -> PastStart:  # noqa: ANN401 - likewise
        return pasts_in(await self.decide(schedule, late, instant))[-1]


async def test_what_a_worker_takes_in_time_starts_the_saga_of_the_instant() -> None:
    past = await Deciding().past(TRIPS, 59.0)

    saga_id = saga_id_of("trip", request_id_of(TRIPS.uid, FIRST))
    assert (past.instant, past.outcome, past.saga_id) == (FIRST, StartOutcome.STARTED, saga_id)


@pytest.mark.parametrize(("late", "minutes"), [(60.5, 0), (3_600.5, 59)])
async def test_what_a_worker_takes_too_late_is_missed_or_started_as_the_policy_says(late: float, minutes: int) -> None:
    deciding = Deciding()

    skipped = await deciding.past(replace(TRIPS, cron="0 0 1 1 *", missed=Missed.SKIP), late)
    skipped_though_others_are_not = pasts_in(await deciding.decide(replace(TRIPS, missed=Missed.SKIP), late))
    last = await deciding.past(TRIPS, late)
    all_of_them = await deciding.past(replace(TRIPS, missed=Missed.RUN_ALL, missed_limit=1_000), late)

    assert (skipped.instant, skipped.outcome) == (FIRST, StartOutcome.MISSED)
    assert [past.outcome for past in skipped_though_others_are_not] == [StartOutcome.MISSED, StartOutcome.STARTED]
    assert (all_of_them.instant, all_of_them.outcome) == (FIRST, StartOutcome.STARTED)
    assert last.outcome is StartOutcome.STARTED
    assert last.instant == FIRST + minutes * MINUTE


async def test_a_saga_that_takes_another_input_by_now_is_refused() -> None:
    past = await Deciding().past(replace(TRIPS, input_type="shop.other.v1.Input"))

    assert past.outcome is StartOutcome.REFUSED
    assert "create it anew" in past.message


async def test_a_schedule_that_was_deleted_starts_nothing_though_a_tool_of_temporal_has_resumed_it() -> None:
    deleted = replace(TRIPS, acts=(ScheduleAct(ScheduleActKind.DELETED, 1, ADA),))

    assert (await Deciding().past(deleted)).outcome is StartOutcome.REFUSED


async def test_an_instant_waits_where_a_clock_is_behind_that_of_the_server() -> None:
    decided = read(await Deciding().decide(TRIPS, -1.0))

    assert (decided["pasts"], decided["seconds"]) == ([], 2.0)


async def test_an_instant_is_buffered_once_and_starts_when_the_saga_by_hand_has_ended() -> None:
    deciding = Deciding()
    deciding.running = ["by-hand"]
    buffering = replace(TRIPS, overlap=Overlap.BUFFER_ONE)

    waiting = read(await deciding.decide(buffering))
    kept = waiting["schedule"]
    answer = await ActivityEnvironment().run(deciding.starts.decide, write(schedule=kept), TRIPS.input, FIRST)
    deciding.running = []
    started = await ActivityEnvironment().run(deciding.starts.decide, write(schedule=kept), TRIPS.input, FIRST)

    assert (waiting["pasts"], read(answer)["pasts"]) == ([], [])
    assert [past.instant for past in pasts_in(started.partition(b"\n")[0])] == [FIRST]
