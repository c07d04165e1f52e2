"""Deleted sagas: gone from everything but their tombstones, and never started again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost, SagaDeleted, SagaExists
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaCount, SagaFilter
from orchestrator.ports.retention import EndedPage, EndedSaga, Tombstone, tombstone_key
from tests.support.journals import AT, ATTRIBUTES, EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass

    Handles = tuple[Journal, Journal]

LEASE = 3600 * 1_000_000_000
END = AT + 99


async def end(journal: Journal, *saga_ids: str, status: Status = Status.COMPLETED) -> None:
    """Sagas that have ended."""
    for saga_id in saga_ids:
        writer = Writing(journal, saga_id)
        await writer.start(attributes=ATTRIBUTES)
        await writer.end(status)


async def test_a_deleted_saga_is_gone_from_lists_reads_and_counts(journal: Journal) -> None:
    await end(journal, "deleted", "kept")

    assert await journal.delete_ended(["deleted"]) == ["deleted"]
    assert await journal.read("deleted") == []
    assert await journal.find("deleted") is None
    records, _ = await journal.search(SagaFilter(attributes=ATTRIBUTES[:1]), 10, "")
    assert [record.saga_id for record in records] == ["kept"]
    assert list(await journal.count()) == [SagaCount("place_order", Status.COMPLETED, 1, AT)]
    assert len(await journal.read("kept")) == 2


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED])
async def test_a_deleted_saga_leaves_a_tombstone_that_tells_how_and_when_it_had_ended(
    journal: Journal, status: Status
) -> None:
    before = await journal.heartbeat("a", LEASE)
    await end(journal, "saga-1", status=status)
    await journal.delete_ended(["saga-1"])
    after = await journal.heartbeat("a", LEASE)

    found = await journal.find_tombstone("saga-1")
    assert found is not None
    assert found[:3] == (tombstone_key("saga-1"), status, END)
    assert before <= found.deleted_at <= after
    assert await journal.find_tombstone("saga-2") is None


async def test_a_deleted_saga_is_not_started_again_and_who_tries_is_told_what_became_of_it(journal: Journal) -> None:
    await end(journal, "saga-1", status=Status.PARTIALLY_COMPENSATED)
    await journal.delete_ended(["saga-1"])

    for _ in range(2):
        with pytest.raises(SagaDeleted) as refused:
            await Writing(journal).start()
        assert (refused.value.status, refused.value.ended_at) == ("partially compensated", END)
        assert refused.value.deleted_at
    assert await journal.find("saga-1") is None
    assert await journal.claim_unfinished("b", 10) == []
    assert list(await journal.count()) == []


async def test_others_are_started_in_the_same_moment_as_one_that_was_deleted(journal: Journal) -> None:
    await end(journal, "deleted", "there")
    await journal.delete_ended(["deleted"])
    pens = [Writing(journal, saga_id) for saga_id in ("new-1", "deleted", "there", "new-2")]

    answers = await asyncio.gather(*(pen.start() for pen in pens), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), SagaDeleted, SagaExists, type(None)]


async def test_what_follows_the_refused_start_of_a_deleted_saga_is_refused_too(journal: Journal) -> None:
    await end(journal, "saga-1")
    await journal.delete_ended(["saga-1"])
    again = Writing(journal)

    answers = await asyncio.gather(again.start(), again.write(recovered(1)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [SagaDeleted, ClaimLost]


async def test_children_go_with_their_parent_and_leave_tombstones_of_their_own(journal: Journal) -> None:
    family = ["saga-1", "saga-1/pay#1", "saga-1/pay#1/ship#1"]
    await end(journal, *family, "saga-10", "saga-1.5")

    assert await journal.family("saga-1") == family
    assert await journal.delete_ended(["saga-1"]) == ["saga-1"]
    assert await journal.family("saga-1") == []
    for saga_id in family:
        assert await journal.find_tombstone(saga_id)
        with pytest.raises(SagaDeleted):
            await Writing(journal, saga_id).start()
    assert [record.saga_id for record in await journal.find_each(["saga-10", "saga-1.5"])]


@pytest.mark.parametrize("status", [Status.RUNNING, Status.WAITING, Status.COMPENSATING, Status.SUSPENDED])
async def test_a_family_of_which_one_has_not_ended_is_left_as_it_is(journal: Journal, status: Status) -> None:
    await end(journal, "saga-1", "saga-1/pay#1", "other")
    child = Writing(journal, "saga-1/ship#1")
    await child.start()
    await child.write(recovered(1), status=status)

    assert await journal.delete_ended(["saga-1", "other"]) == ["other"]
    assert len(await journal.read("saga-1/pay#1")) == 2
    assert len(await journal.find_each(["saga-1", "saga-1/pay#1", "saga-1/ship#1"])) == 3
    assert await journal.find_tombstone("saga-1") is None


@pytest.mark.parametrize("status", [Status.RUNNING, Status.WAITING, Status.SUSPENDED])
async def test_a_saga_that_has_not_ended_is_not_deleted(journal: Journal, status: Status) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=status)

    assert await journal.delete_ended(["saga-1"]) == []
    assert len(await journal.read("saga-1")) == 2


async def test_a_completed_saga_that_somebody_has_claimed_is_not_deleted(journal: Journal) -> None:
    await end(journal, "saga-1")
    assert await journal.claim_resting("b", "saga-1")

    assert await journal.delete_ended(["saga-1"]) == []
    await Writing(journal, owner="b", token=2, sequence=2).write(recovered(1), status=Status.COMPENSATING)


async def test_a_deleted_saga_is_claimed_by_nobody(journal: Journal) -> None:
    await end(journal, "saga-1")
    await journal.delete_ended(["saga-1"])

    assert await journal.claim_resting("b", "saga-1") is None
    with pytest.raises(ClaimLost):
        await Writing(journal, sequence=2).write(recovered(1))


async def test_what_is_deleted_or_was_never_there_is_not_deleted_again(journal: Journal) -> None:
    await end(journal, "saga-1")
    await journal.delete_ended(["saga-1"])
    before = await journal.find_tombstone("saga-1")

    assert await journal.delete_ended(["saga-1", "nobody"]) == []
    assert await journal.delete_ended([]) == []
    assert await journal.find_tombstone("saga-1") == before


async def test_ended_sagas_are_listed_in_the_order_of_start_without_children_and_page_by_page(
    journal: Journal,
) -> None:
    names = [f"saga-{number * 3 % 7}" for number in range(7)]
    await end(journal, *names[:3], f"{names[0]}/pay#1", status=Status.COMPENSATED)
    await Writing(journal, "running").start()
    await end(journal, *names[3:])

    found: list[EndedSaga] = []
    position: int | None = 0
    while position is not None:
        page = await journal.ended(position, 2)
        assert len(page.sagas) <= 2
        found += page.sagas
        position = page.position
    statuses = [Status.COMPENSATED] * 3 + [Status.COMPLETED] * 4
    assert found == [EndedSaga(*each, END) for each in zip(names, ["place_order"] * 7, statuses, strict=True)]


async def test_a_page_begins_where_the_last_one_ended_though_that_was_deleted(journal: Journal) -> None:
    await end(journal, *(f"saga-{number}" for number in range(4)))
    first = await journal.ended(0, 2)
    assert first.position is not None
    await journal.delete_ended([saga.saga_id for saga in first.sagas])

    assert [saga.saga_id for saga in (await journal.ended(first.position, 3)).sagas] == ["saga-2", "saga-3"]
    assert await journal.ended(1000, 3) == EndedPage([], None)


async def test_tombstones_are_listed_and_kept_by_another_journal(journal: Journal, let_pass: LetPass) -> None:
    names = [f"saga-{number}" for number in range(5)]
    await end(journal, *names)
    await journal.delete_ended(names)
    known = sorted(map(tombstone_key, names))

    first = await journal.tombstones(b"", 3)
    assert [each.key for each in first] == known[:3]
    assert [each.key for each in await journal.tombstones(first[-1].key, 3)] == known[3:]

    of_another = Tombstone(tombstone_key("of another"), Status.COMPENSATED, AT, AT + 1)
    let_pass(60)
    await journal.keep_tombstones([of_another, first[0]._replace(ended_at=7)])
    await journal.keep_tombstones([])
    assert await journal.find_tombstone("of another") == of_another
    assert first[0] in await journal.tombstones(b"", 10)
    with pytest.raises(SagaDeleted):
        await Writing(journal, "of another").start()


async def test_a_saga_that_is_started_while_it_is_deleted_is_not_there_twice(handles: Handles) -> None:
    """The start is repeated just then: either it finds the saga, or its tombstone."""
    one, other = handles
    for number in range(20):
        saga_id = f"saga-{number}"
        await end(one, saga_id)
        started = Writing(other, saga_id).start()
        deleted, (answer,) = await asyncio.gather(
            one.delete_ended([saga_id]), asyncio.gather(started, return_exceptions=True)
        )
        assert deleted == [saga_id]
        assert isinstance(answer, SagaExists)
        assert await other.find(saga_id) is None


async def test_counts_agree_with_what_is_left(journal: Journal) -> None:
    for definition in ("buy", "sell"):
        for number in range(4):
            writer = Writing(journal, f"{definition}-{number}")
            await writer.start(definition=definition)
            await writer.end(Status.COMPENSATED if number % 2 else Status.COMPLETED)
    await journal.delete_ended(["buy-0", "buy-1", "buy-2", "sell-3"])

    counts = {(count.definition, count.status): count.number for count in await journal.count()}
    assert counts == {
        ("buy", Status.COMPENSATED): 1,
        ("sell", Status.COMPENSATED): 1,
        ("sell", Status.COMPLETED): 2,
    }
    for each in ("buy", "sell"):
        await end(journal, f"{each}-new")
    assert EVERY_ENTRY[0] in await journal.read("buy-new")
