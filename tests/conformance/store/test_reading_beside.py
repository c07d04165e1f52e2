"""A second handle reads a store that is in use: all that is durable, and without being noticed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import InvalidInput
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.claims import Claim
from tests.support.journals import AT, ATTRIBUTES, EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal, JournalReader

    Beside = tuple[Journal, JournalReader]

EVERYTHING = SagaFilter()


async def test_every_acknowledged_append_is_read_at_once(beside: Beside) -> None:
    journal, reader = beside
    writer = Writing(journal)
    await writer.start(attributes=ATTRIBUTES)
    for number in range(5):
        await writer.write(recovered(number))
        assert await reader.read("saga-1") == [EVERY_ENTRY[0], *map(recovered, range(number + 1))]
        assert await reader.find("saga-1") == await journal.find("saga-1")


async def test_both_handles_list_and_count_the_same(beside: Beside) -> None:
    journal, reader = beside
    for number in range(7):
        writer = Writing(journal, f"saga-{number}")
        await writer.start(definition=("buy", "sell")[number % 2], started_at=AT - number)
        if number % 3 == 0:
            await writer.end()

    completed = SagaFilter(statuses=frozenset({Status.COMPLETED}))
    for where in (EVERYTHING, completed, SagaFilter(definition="sell")):
        assert await reader.search(where, 100, "") == await journal.search(where, 100, "")
    assert list(await reader.count()) == list(await journal.count())


async def test_a_page_of_one_handle_is_followed_by_the_next_of_the_other(beside: Beside) -> None:
    journal, reader = beside
    for number in range(4):
        await Writing(journal, f"saga-{number}").start()
    first, token = await journal.search(EVERYTHING, 2, "")
    second, _ = await reader.search(EVERYTHING, 2, token)

    assert [record.saga_id for record in (*first, *second)] == ["saga-3", "saga-2", "saga-1", "saga-0"]


async def test_reading_takes_no_claim_and_keeps_no_append_waiting(beside: Beside) -> None:
    journal, reader = beside
    pens = [Writing(journal, f"saga-{number}") for number in range(20)]
    await asyncio.gather(*(writer.start() for writer in pens))
    await asyncio.gather(
        *(writer.write(recovered(number)) for number in range(10) for writer in pens),
        *(reader.read(writer.saga_id) for _ in range(10) for writer in pens),
        *(reader.search(EVERYTHING, 100, "") for _ in range(10)),
    )

    for writer in pens:
        assert await reader.read(writer.saga_id) == [EVERY_ENTRY[0], *map(recovered, range(10))]
    assert await journal.claim_unfinished("b", 1) == [Claim("saga-0", 2)]


async def test_closing_either_handle_leaves_the_other_one_whole(beside: Beside) -> None:
    journal, reader = beside
    await Writing(journal).start()
    assert await reader.read("saga-1") == [EVERY_ENTRY[0]]
    await journal.close()
    assert await reader.read("saga-1") == [EVERY_ENTRY[0]]
    await reader.close()


async def test_a_journal_goes_on_when_its_reader_has_left(beside: Beside) -> None:
    journal, reader = beside
    writer = Writing(journal)
    await writer.start()
    assert await reader.find("saga-1") is not None
    await reader.close()
    await writer.write(recovered(1))

    assert await journal.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]


async def test_what_nobody_started_is_not_there_for_a_reader_either(beside: Beside) -> None:
    _, reader = beside

    assert await reader.read("nobody") == []
    assert await reader.find("nobody") is None
    assert await reader.search(EVERYTHING, 10, "") == ([], "")
    with pytest.raises(InvalidInput):
        await reader.search(EVERYTHING, 10, "x")
