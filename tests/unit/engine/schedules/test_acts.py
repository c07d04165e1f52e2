"""What can be done to schedules, on any replica; repeated requests, and those that come too late."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.schedules.acts import ScheduleActs
from orchestrator.engine.schedules.turn import request_id_of
from orchestrator.engine.starting import saga_id_of
from orchestrator.errors import InvalidInput, ScheduleExists, ScheduleNotFound, ScheduleRefused
from orchestrator.journal.actor import Actor
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.world.clock import EPOCH, JumpingClock
from tests.support.engine_world import ORDER
from tests.support.journals import Writing
from tests.support.schedules import HOUR, MINUTE, names, new_schedule

if TYPE_CHECKING:
    from orchestrator.ports.schedules import Schedule

ONE, OTHER = "6f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11", "7f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11"
SAID = new_schedule(ORDER)
FIRST = EPOCH // MINUTE * MINUTE + MINUTE


class Desk:
    """The schedules of a store, and its clock."""

    def __init__(self) -> None:
        self.clock = JumpingClock()
        self.journal = MemoryJournal(self.clock.now)
        self.changes = 0
        self.schedules = ScheduleActs(self.journal, self.journal.find, self.note_change)

    def note_change(self) -> None:
        self.changes += 1

    async def kept(self) -> Schedule:
        return await self.schedules.get("trips")


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_schedule_begins_with_the_first_instant_that_comes(desk: Desk) -> None:
    created = await desk.schedules.create(SAID)

    assert (created.next_at, created.recent, desk.changes) == (FIRST, (), 1)
    assert await desk.kept() == created


async def test_a_request_may_be_repeated_from_elsewhere(desk: Desk) -> None:
    here, elsewhere = (Actor("ada", "token file", f"ipv4:10.0.0.{number}:1") for number in (7, 8))
    created = await desk.schedules.create(SAID._replace(request_id=ONE, created_by=here))

    assert await desk.schedules.create(SAID._replace(request_id=ONE, created_by=elsewhere)) == created


async def test_a_repeated_request_finds_what_it_created(desk: Desk) -> None:
    created = await desk.schedules.create(SAID._replace(request_id=ONE))
    assert await desk.schedules.create(SAID._replace(request_id=ONE.upper())) == created

    with pytest.raises(ScheduleExists) as refused:
        await desk.schedules.create(SAID._replace(request_id=ONE, cron="0 * * * *"))
    assert refused.value.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize("request_id", ["", OTHER])
async def test_a_name_that_is_taken_is_refused(desk: Desk, request_id: str) -> None:
    await desk.schedules.create(SAID._replace(request_id=ONE if request_id else ""))

    with pytest.raises(ScheduleExists) as refused:
        await desk.schedules.create(SAID._replace(request_id=request_id))
    assert refused.value.reason == "SCHEDULE_EXISTS"


async def test_a_request_that_comes_after_the_deletion_makes_nothing_again(desk: Desk) -> None:
    await desk.schedules.create(SAID._replace(request_id=ONE))
    await desk.schedules.delete("trips", Actor("ada"))
    with pytest.raises(ScheduleRefused) as refused:
        await desk.schedules.create(SAID._replace(request_id=ONE))
    assert refused.value.reason == "SCHEDULE_DELETED"

    anew = await desk.schedules.create(SAID._replace(request_id=OTHER))
    assert anew == await desk.kept()


async def test_of_two_schedules_that_follow_one_another_under_a_name_no_saga_is_the_same(desk: Desk) -> None:
    uids = []
    for _ in range(2):
        uids.append((await desk.schedules.create(SAID)).uid)
        await desk.schedules.delete("trips", Actor("ada"))
    assert request_id_of(uids[0], FIRST) != request_id_of(uids[1], FIRST)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cron": "61 * * * *"}, "schedule.cron"),
        ({"zone": "Europe/Atlantis"}, "schedule.time_zone"),
        ({"cron": "", "at": EPOCH}, "schedule.at"),
        ({"cron": "", "at": EPOCH + HOUR, "zone": "Nowhere"}, "schedule.time_zone"),
    ],
)
async def test_what_is_wrong_with_a_schedule_is_named_by_its_field(
    desk: Desk, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await desk.schedules.create(SAID._replace(**changes))  # type: ignore[arg-type]
    assert [path for path, _ in refused.value.violations] == [field]
    assert names(await desk.schedules.list_after("", 10)) == []


async def test_a_pause_is_repeated_without_a_change_and_what_falls_into_it_is_not_started(desk: Desk) -> None:
    await desk.schedules.create(SAID)
    paused = await desk.schedules.pause("trips", "wait", Actor("ada"))
    assert paused.pause is not None
    assert await desk.schedules.pause("trips", "again", Actor("bob")) == paused
    desk.clock.advance(150)

    resumed = await desk.schedules.resume("trips", Actor("ada"))
    assert (resumed.pause, resumed.next_at, resumed.recent) == (None, FIRST + 2 * MINUTE, ())
    assert await desk.schedules.resume("trips", Actor("ada")) == resumed == await desk.kept()


async def test_a_schedule_keeps_who_did_what_to_it_also_when_it_is_deleted(desk: Desk) -> None:
    ada, bob = Actor("ada", "token file"), Actor("bob")
    await desk.schedules.create(SAID._replace(created_by=ada))
    await desk.schedules.pause("trips", "wait", bob)
    await desk.schedules.pause("trips", "again", ada)
    await desk.schedules.resume("trips", ada)
    await desk.schedules.run("trips", ONE, bob)
    assert [(act.kind.name, act.by, act.why) for act in (await desk.kept()).acts] == [
        ("CREATED", ada, ""),
        ("PAUSED", bob, "wait"),
        ("RESUMED", ada, ""),
        ("RUN", bob, ""),
    ]

    await desk.schedules.delete("trips", bob)
    with pytest.raises(ScheduleNotFound, match=r"the last one of this name was deleted at 20\S+ by bob"):
        await desk.schedules.get("trips")


async def test_who_changes_a_schedule_is_told_in_the_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    ada = Actor("ada", "token file")
    with caplog.at_level(logging.INFO):
        await desk.schedules.create(SAID._replace(created_by=ada))
        await desk.schedules.pause("trips", "wait", ada)
        await desk.schedules.resume("trips", ada)
        await desk.schedules.run("trips", ONE, ada)
        await desk.schedules.delete("trips", ada)

    done = ("created", "paused", "resumed", "run by hand", "deleted")
    assert caplog.messages == [f"schedule trips is {each}, as ada (token file) wants it" for each in done]


async def test_a_single_instant_that_falls_into_a_pause_is_over(desk: Desk) -> None:
    await desk.schedules.create(SAID._replace(cron="", at=EPOCH + HOUR))
    await desk.schedules.pause("trips", "wait", Actor("ada"))
    desk.clock.advance(3601)

    assert (await desk.schedules.resume("trips", Actor("ada"))).due_at is None


async def test_a_start_by_hand_is_decided_once_for_one_request(desk: Desk) -> None:
    await desk.schedules.create(SAID)
    first, saga_id = await desk.schedules.run("trips", ONE, Actor("ada"))
    again, same = await desk.schedules.run("trips", ONE, Actor("ada"))
    assert (again.firing, same) == (first.firing, saga_id)
    assert saga_id == saga_id_of("trip", first.firing[0].request_id)
    assert first.due_at == 0, "a replica starts it at once"

    _, other = await desk.schedules.run("trips", "", Actor("ada"))
    assert other != saga_id
    assert len((await desk.kept()).firing) == 2


async def test_a_start_by_hand_that_was_made_is_found_by_its_request(desk: Desk) -> None:
    await desk.schedules.create(SAID)
    _, saga_id = await desk.schedules.run("trips", ONE, Actor("ada"))
    schedule = await desk.kept()
    await Writing(desk.journal, saga_id).start()
    await desk.journal.replace_schedule(replace(schedule, firing=()))

    again, same = await desk.schedules.run("trips", ONE, Actor("ada"))
    assert (again.firing, same) == ((), saga_id)


async def test_starts_by_hand_that_nobody_makes_do_not_pile_up(desk: Desk) -> None:
    await desk.schedules.create(SAID)
    for _ in range(20):
        await desk.schedules.run("trips", "", Actor("ada"))
    with pytest.raises(ScheduleRefused, match="see that its saga is served"):
        await desk.schedules.run("trips", "", Actor("ada"))


async def test_changes_at_the_same_time_all_stand(desk: Desk) -> None:
    await desk.schedules.create(SAID)
    await asyncio.gather(*(desk.schedules.run("trips", "", Actor(f"person-{number}")) for number in range(5)))

    assert len((await desk.kept()).firing) == 5


async def test_a_schedule_that_is_not_there_is_said_to_be_so(desk: Desk) -> None:
    for ask in (
        desk.schedules.get("none"),
        desk.schedules.pause("none", "why", Actor("ada")),
        desk.schedules.resume("none", Actor("ada")),
        desk.schedules.delete("none", Actor("ada")),
        desk.schedules.run("none", "", Actor("ada")),
    ):
        with pytest.raises(ScheduleNotFound, match="there is no schedule 'none'"):
            await ask
