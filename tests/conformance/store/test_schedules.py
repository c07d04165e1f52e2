"""Schedules: kept under their names, changed only from the revision that was read, and due by the store's clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.journal.actor import Actor
from orchestrator.ports.schedules import Firing, Pause
from tests.support.schedules import FULL, HOUR, HOURLY, MINUTE, names, schedule

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass, Open

SERVED = (("place_order", 1),)


async def test_a_schedule_is_found_as_it_was_created(journal: Journal) -> None:
    assert await journal.create_schedule(FULL)

    assert await journal.find_schedule("hourly") == FULL
    assert await journal.find_schedule("another\x00") is None


async def test_a_name_belongs_to_one_schedule_and_a_uid_too(journal: Journal) -> None:
    assert await journal.create_schedule(HOURLY)
    assert not await journal.create_schedule(replace(schedule(2), name="hourly"))
    assert not await journal.create_schedule(replace(HOURLY, name="another", digest=b"other"))

    assert await journal.find_schedule("hourly") == HOURLY
    assert names(await journal.list_schedules("", 10)) == ["hourly"]


async def test_schedules_are_listed_by_name_page_by_page(journal: Journal) -> None:
    for number, name in enumerate(("b", "B", "a", "c.1", "c-1")):
        await journal.create_schedule(replace(schedule(number), name=name))

    assert names(await journal.list_schedules("", 3)) == ["B", "a", "b"]
    assert names(await journal.list_schedules("b", 3)) == ["c-1", "c.1"]


async def test_a_schedule_is_changed_from_the_revision_that_was_read_and_from_no_other(journal: Journal) -> None:
    await journal.create_schedule(HOURLY)
    changed = replace(HOURLY, firing=(Firing(7, "request-1"),), not_before=9)
    assert await journal.replace_schedule(changed)
    assert await journal.find_schedule("hourly") == replace(changed, revision=2)

    assert not await journal.replace_schedule(replace(HOURLY, created_by=Actor("bob")))
    assert not await journal.replace_schedule(replace(HOURLY, revision=3))
    assert await journal.find_schedule("hourly") == replace(changed, revision=2)
    assert not await journal.replace_schedule(schedule(2))


async def test_of_two_changes_at_once_from_one_revision_one_stands(journal: Journal, open_handle: Open) -> None:
    await journal.create_schedule(HOURLY)
    other = await open_handle() if journal.shared else journal

    assert await journal.replace_schedule(HOURLY) != await other.replace_schedule(
        replace(HOURLY, created_by=Actor("bob"))
    )


async def test_what_is_due_is_judged_by_the_clock_of_the_store(journal: Journal, let_pass: LetPass) -> None:
    now = await journal.store_now()
    await journal.create_schedule(schedule(1, next_at=now + 2 * HOUR))
    await journal.create_schedule(schedule(2, next_at=now + HOUR))
    due = await journal.due_schedules(10)
    assert (list(due.schedules), due.next_at) == ([], now + HOUR)
    assert now <= due.now < now + MINUTE

    let_pass(5400)
    due = await journal.due_schedules(10)
    assert (names(due.schedules), due.next_at) == (["schedule-2"], now + 2 * HOUR)
    let_pass(5400)
    due = await journal.due_schedules(10)
    assert (names(due.schedules), due.next_at) == (["schedule-2", "schedule-1"], None)
    assert names((await journal.due_schedules(1)).schedules) == ["schedule-2"]
    assert due.now >= now + 3 * HOUR


async def test_a_schedule_that_is_paused_is_never_due_and_what_it_has_decided_is(journal: Journal) -> None:
    paused = schedule(1, next_at=1, pause=Pause(1, "wait", Actor("ada")))
    await journal.create_schedule(paused)
    assert not (await journal.due_schedules(10)).schedules

    assert await journal.replace_schedule(replace(paused, firing=(Firing(1, "request-1"),)))
    assert names((await journal.due_schedules(10)).schedules) == ["schedule-1"]


async def test_what_a_replica_has_in_hand_is_not_due_until_it_has_had_its_time(
    journal: Journal, let_pass: LetPass
) -> None:
    now = await journal.store_now()
    held = schedule(1, next_at=1, firing=(Firing(1, "request-1"),), not_before=now + HOUR)
    await journal.create_schedule(held)
    assert not (await journal.due_schedules(10)).schedules

    let_pass(3700)
    assert names((await journal.due_schedules(10)).schedules) == ["schedule-1"]


async def test_a_replica_is_given_the_schedules_of_what_it_serves(journal: Journal) -> None:
    for number, (definition, version) in enumerate(
        [("place_order", 0), ("place_order", 1), ("place_order", 2), ("refund", 0), ("refund", 1)], start=1
    ):
        await journal.create_schedule(schedule(number, definition=definition, version=version, next_at=number))

    assert names((await journal.due_schedules(10, SERVED)).schedules) == ["schedule-1", "schedule-2"]
    assert len((await journal.due_schedules(10)).schedules) == 5
    assert not (await journal.due_schedules(10, ())).schedules


async def test_a_schedule_that_is_deleted_is_gone_and_its_uid_is_remembered(journal: Journal) -> None:
    await journal.create_schedule(schedule(1, next_at=1))
    assert not await journal.is_schedule_deleted(schedule(1).uid)
    assert not await journal.delete_schedule(replace(schedule(1), revision=2)), "it has changed since"
    assert await journal.delete_schedule(replace(schedule(1), acts=FULL.acts))

    assert not await journal.delete_schedule(schedule(1))
    assert await journal.find_schedule("schedule-1") is None
    assert not (await journal.due_schedules(10)).schedules
    assert not await journal.replace_schedule(schedule(1))
    assert await journal.is_schedule_deleted(schedule(1).uid)
    assert not await journal.create_schedule(schedule(1)), "a request that comes late does not make it again"
    assert await journal.create_schedule(replace(schedule(2), name="schedule-1")), "its name is free"


async def test_a_deleted_schedule_is_remembered_with_who_did_what_and_the_last_of_its_name_is_found(
    journal: Journal, let_pass: LetPass
) -> None:
    assert await journal.find_deleted_schedule("hourly") is None
    assert await journal.find_deleted_schedule("another\x00") is None
    for number in (1, 2):
        await journal.create_schedule(replace(schedule(number), name="hourly"))
        await journal.delete_schedule(replace(schedule(number), name="hourly", acts=FULL.acts))
        let_pass(1)

    assert await journal.find_deleted_schedule("hourly") == replace(schedule(2), name="hourly", acts=FULL.acts)
    assert await journal.find_deleted_schedule("schedule-1") is None


async def test_schedules_outlive_every_process(open_durable: Open) -> None:
    journal = await open_durable()
    await journal.create_schedule(FULL)
    await journal.create_schedule(schedule(2))
    await journal.delete_schedule(schedule(2))
    await journal.close()

    journal = await open_durable()
    assert await journal.find_schedule("hourly") == FULL
    assert await journal.is_schedule_deleted(schedule(2).uid)


async def test_what_one_handle_keeps_another_one_finds(handles: tuple[Journal, Journal]) -> None:
    one, other = handles
    await one.create_schedule(FULL)
    assert await other.find_schedule("hourly") == FULL
    assert await other.replace_schedule(FULL)
    assert not await one.replace_schedule(FULL)
