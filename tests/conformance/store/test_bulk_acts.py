"""Bulk acts: their sagas are written down once, and they change together with the answers, from what was read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.ports.bulk_acts import Answer, BulkSaga, BulkStatus
from tests.support.bulk_acts import FULL, PREPARED, bulk_act, bulk_ids, sagas

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass, Open

MINUTE = 60 * 1_000_000_000


async def test_a_bulk_act_is_found_as_it_was_created(journal: Journal) -> None:
    assert await journal.create_bulk_act(FULL)

    assert await journal.find_bulk_act(FULL.bulk_id) == FULL
    assert await journal.find_bulk_act("another\x00") is None


async def test_an_id_belongs_to_one_bulk_act(journal: Journal) -> None:
    assert await journal.create_bulk_act(PREPARED)
    assert not await journal.create_bulk_act(replace(FULL, bulk_id=PREPARED.bulk_id))

    assert await journal.find_bulk_act(PREPARED.bulk_id) == PREPARED


async def test_bulk_acts_are_listed_page_by_page_and_the_last_one_comes_first(journal: Journal) -> None:
    for number in (2, 4, 1, 3):
        await journal.create_bulk_act(bulk_act(number))

    page = await journal.list_bulk_acts("", 3)
    assert bulk_ids(page) == bulk_ids(map(bulk_act, (4, 3, 2)))
    assert bulk_ids(await journal.list_bulk_acts(page[-1].bulk_id, 3)) == bulk_ids([bulk_act(1)])


async def test_the_sagas_of_a_bulk_act_are_read_by_position_and_page_by_page(journal: Journal) -> None:
    await journal.create_bulk_act(PREPARED)
    await journal.create_bulk_act(bulk_act(1))
    for first in (0, 3):
        await journal.add_bulk_sagas(PREPARED.bulk_id, sagas(6)[first : first + 3])

    assert list(await journal.bulk_sagas(PREPARED.bulk_id, 0, 4)) == sagas(6)[:4]
    assert list(await journal.bulk_sagas(PREPARED.bulk_id, 4, 4)) == sagas(6)[4:]
    assert list(await journal.bulk_sagas(bulk_act(1).bulk_id, 0, 4)) == []


async def test_a_position_is_given_to_one_saga_for_ever(journal: Journal) -> None:
    await journal.create_bulk_act(PREPARED)
    await journal.add_bulk_sagas(PREPARED.bulk_id, sagas(2))
    await journal.add_bulk_sagas(PREPARED.bulk_id, [BulkSaga(2, "another"), BulkSaga(3, "saga-3")])

    assert list(await journal.bulk_sagas(PREPARED.bulk_id, 0, 9)) == sagas(3)


async def test_a_bulk_act_and_the_answers_of_its_sagas_are_kept_together(journal: Journal) -> None:
    await journal.create_bulk_act(PREPARED)
    await journal.add_bulk_sagas(PREPARED.bulk_id, sagas(3))
    answered = [
        BulkSaga(1, "saga-1", Answer.DONE, answered_at=7),
        BulkSaga(3, "saga-3", Answer.REFUSED, "PAST_PIVOT", "no\x00", 8),
    ]
    changed = replace(PREPARED, status=BulkStatus.RUNNING, counts={Answer.DONE: 1, Answer.REFUSED: 1})

    assert await journal.note_bulk_act(changed, answered)

    assert await journal.find_bulk_act(PREPARED.bulk_id) == replace(changed, revision=2)
    assert list(await journal.bulk_sagas(PREPARED.bulk_id, 0, 9)) == [answered[0], sagas(3)[1], answered[1]]


async def test_from_another_revision_neither_a_bulk_act_nor_an_answer_is_kept(journal: Journal) -> None:
    await journal.create_bulk_act(PREPARED)
    await journal.add_bulk_sagas(PREPARED.bulk_id, sagas(1))
    assert await journal.note_bulk_act(PREPARED)
    answered = [BulkSaga(1, "saga-1", Answer.DONE)]

    assert not await journal.note_bulk_act(replace(PREPARED, why="it comes late"), answered)
    assert not await journal.note_bulk_act(replace(PREPARED, revision=3), answered)
    assert not await journal.note_bulk_act(bulk_act(2), answered)

    assert await journal.find_bulk_act(PREPARED.bulk_id) == replace(PREPARED, revision=2)
    assert list(await journal.bulk_sagas(PREPARED.bulk_id, 0, 9)) == sagas(1)


async def test_of_two_changes_at_once_from_one_revision_one_is_kept(journal: Journal, open_handle: Open) -> None:
    await journal.create_bulk_act(PREPARED)
    other = await open_handle() if journal.shared else journal

    assert await journal.note_bulk_act(PREPARED) != await other.note_bulk_act(replace(PREPARED, owner="replica-2"))


async def test_sagas_are_asked_for_by_their_answers(journal: Journal) -> None:
    await journal.create_bulk_act(PREPARED)
    for position, answer in enumerate(Answer, start=1):
        await journal.add_bulk_sagas(PREPARED.bulk_id, [BulkSaga(position, f"saga-{position}", answer)])

    found = await journal.bulk_sagas(PREPARED.bulk_id, 2, 2, {Answer.ALLOWED, Answer.DONE, Answer.NOTED, Answer.FAILED})

    assert [saga.answer for saga in found] == [Answer.DONE, Answer.NOTED]


async def test_a_bulk_act_is_due_where_there_is_something_to_do_by_the_clock_of_the_store(
    journal: Journal, let_pass: LetPass
) -> None:
    now = await journal.store_now()
    statuses = (BulkStatus.FREEZING, BulkStatus.CHECKING, BulkStatus.PREPARED, BulkStatus.RUNNING, BulkStatus.STOPPING)
    for number, status in enumerate((*statuses, BulkStatus.ENDED)):
        await journal.create_bulk_act(bulk_act(number, status=status, not_before=now + number * MINUTE))
    due = await journal.due_bulk_acts(9)
    assert (list(due.acts), due.next_at) == ([], now + MINUTE)
    assert now <= due.now < now + MINUTE

    let_pass(200)
    due = await journal.due_bulk_acts(9)
    assert (bulk_ids(due.acts), due.next_at) == (bulk_ids([bulk_act(1), bulk_act(3)]), now + 4 * MINUTE)
    assert bulk_ids((await journal.due_bulk_acts(1)).acts) == bulk_ids([bulk_act(1)])


async def test_a_bulk_act_is_due_no_more_once_it_has_ended(journal: Journal) -> None:
    running = bulk_act(1, status=BulkStatus.RUNNING)
    await journal.create_bulk_act(running)
    assert (await journal.due_bulk_acts(9)).acts == [running]

    assert await journal.note_bulk_act(replace(running, status=BulkStatus.ENDED))
    due = await journal.due_bulk_acts(9)
    assert (list(due.acts), due.next_at) == ([], None)


async def test_what_has_expired_is_deleted_a_little_at_a_time(journal: Journal, let_pass: LetPass) -> None:
    now = await journal.store_now()
    await journal.create_bulk_act(bulk_act(1, expires_at=now + MINUTE))
    await journal.create_bulk_act(bulk_act(2, expires_at=now + 60 * MINUTE))
    await journal.create_bulk_act(bulk_act(3))
    for number in (1, 2, 3):
        await journal.add_bulk_sagas(bulk_act(number).bulk_id, sagas(5))
    assert await journal.delete_expired_bulk_acts(3) == 0

    let_pass(120)
    deleted = []
    while number := await journal.delete_expired_bulk_acts(3):
        deleted.append(number)
    assert sum(deleted) == 6
    assert bulk_ids(await journal.list_bulk_acts("", 9)) == bulk_ids([bulk_act(3), bulk_act(2)])
    assert list(await journal.bulk_sagas(bulk_act(1).bulk_id, 0, 9)) == []
    assert list(await journal.bulk_sagas(bulk_act(2).bulk_id, 0, 9)) == sagas(5)


async def test_bulk_acts_outlive_every_process(open_durable: Open) -> None:
    journal = await open_durable()
    await journal.create_bulk_act(FULL)
    await journal.add_bulk_sagas(FULL.bulk_id, sagas(2))
    assert await journal.note_bulk_act(FULL, sagas(2, Answer.DONE)[:1])
    await journal.close()

    journal = await open_durable()
    assert await journal.find_bulk_act(FULL.bulk_id) == replace(FULL, revision=2)
    assert list(await journal.bulk_sagas(FULL.bulk_id, 0, 9)) == [sagas(1, Answer.DONE)[0], sagas(2)[1]]


async def test_what_one_handle_keeps_of_a_bulk_act_another_one_finds(handles: tuple[Journal, Journal]) -> None:
    one, other = handles
    await one.create_bulk_act(FULL)
    assert await other.find_bulk_act(FULL.bulk_id) == FULL
    assert await other.note_bulk_act(FULL)
    assert not await one.note_bulk_act(FULL)
