"""Sagas are listed by what is known about them, page by page."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import InvalidInput
from orchestrator.journal.state import UNFINISHED, Status
from orchestrator.ports.catalogue import SagaFilter
from tests.support.journals import AT, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal

EVERYTHING = SagaFilter()


@pytest.fixture
async def shelf(journal: Journal) -> Journal:
    """Twelve sagas, two definitions, two customers, every third one ended."""
    for number in range(12):
        writer = Writing(journal, f"saga-{number:02}")
        await writer.start(
            definition=("buy", "sell")[number % 2],
            started_at=AT + number,
            attributes=(("customer", ("ada", "bob")[number % 4 // 2]), ("number", str(number))),
        )
        if number % 3 == 0:
            await writer.end()
    return journal


async def found(journal: Journal, where: SagaFilter) -> list[int]:
    records, token = await journal.search(where, 100, "")
    assert token == ""
    return [int(record.saga_id.removeprefix("saga-")) for record in records]


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        (EVERYTHING, [*range(11, -1, -1)]),
        (SagaFilter(definition="sell"), [11, 9, 7, 5, 3, 1]),
        (SagaFilter(definition="sel"), []),
        (SagaFilter(statuses=frozenset({Status.COMPLETED})), [9, 6, 3, 0]),
        (SagaFilter(statuses=frozenset({Status.COMPLETED, Status.RUNNING})), [*range(11, -1, -1)]),
        (SagaFilter(statuses=frozenset({Status.SUSPENDED})), []),
        (SagaFilter(started_from=AT + 9), [11, 10, 9]),
        (SagaFilter(started_before=AT + 2), [1, 0]),
        (SagaFilter(attributes=(("customer", "bob"),)), [11, 10, 7, 6, 3, 2]),
        (SagaFilter(attributes=(("customer", "bob"), ("number", "6"))), [6]),
        (SagaFilter(attributes=(("number", "bob"),)), []),
        (SagaFilter(id_prefix="saga-0"), [*range(9, -1, -1)]),
        (SagaFilter(id_prefix="saga-07"), [7]),
        (SagaFilter(id_prefix="saga-071"), []),
        (SagaFilter(id_prefix="aga-07"), []),
        (SagaFilter(id_prefix="saga_0"), []),
        (SagaFilter(id_prefix="saga-%"), []),
        (SagaFilter(definition="sell", id_prefix="saga-0"), [9, 7, 5, 3, 1]),
        (SagaFilter("buy", frozenset({Status.COMPLETED}), AT + 1, AT + 7, (("customer", "bob"),)), [6]),
    ],
)
async def test_a_filter_finds_what_it_names_the_newest_first(
    shelf: Journal, where: SagaFilter, numbers: list[int]
) -> None:
    assert await found(shelf, where) == numbers


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 12, 13])
@pytest.mark.parametrize("where", [EVERYTHING, SagaFilter(definition="sell")])
async def test_pages_have_neither_gaps_nor_repeats(shelf: Journal, where: SagaFilter, size: int) -> None:
    pages, token = [], ""
    while True:
        records, token = await shelf.search(where, size, token)
        pages.append([record.saga_id for record in records])
        if not token:
            break

    everything, _ = await shelf.search(where, 100, "")
    assert [name for page in pages for name in page] == [record.saga_id for record in everything]
    assert all(len(page) == size for page in pages[:-1])
    assert pages[-1]


async def test_sagas_started_and_changed_between_two_pages_do_not_disturb_the_later_one(shelf: Journal) -> None:
    first, token = await shelf.search(EVERYTHING, 4, "")
    await Writing(shelf, "saga-99").start()
    await Writing(shelf, "saga-01", sequence=1).write(recovered(1), status=Status.COMPENSATING)
    second, token = await shelf.search(EVERYTHING, 4, token)
    third, token = await shelf.search(EVERYTHING, 4, token)

    names = [record.saga_id for record in (*first, *second, *third)]
    assert names == [f"saga-{number:02}" for number in range(11, -1, -1)]
    assert token == ""


async def test_an_empty_journal_has_one_empty_page(journal: Journal) -> None:
    assert await journal.search(EVERYTHING, 10, "") == ([], "")


def token_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "token",
    ["x", "!!!!", "ünï", "\ud800", token_of("-1"), token_of("1_0"), token_of(" 1"), token_of("9" * 30)],
)
async def test_a_page_token_that_nobody_gave_out_is_invalid_input(shelf: Journal, token: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await shelf.search(EVERYTHING, 10, token)

    ((field, _),) = refusal.value.violations
    assert field == "page_token"


async def test_a_prefix_of_an_id_stands_for_the_saga_and_not_for_its_children(journal: Journal) -> None:
    for saga_id in ("order-1", "order-1/saga.pack#1", "order-1/saga.pack#1/saga.wrap#1", "order-2\U0010ffff"):
        await Writing(journal, saga_id).start()

    async def named(prefix: str) -> list[str]:
        records, _ = await journal.search(SagaFilter(id_prefix=prefix), 100, "")
        return [record.saga_id for record in records]

    assert await named("order-") == ["order-2\U0010ffff", "order-1"]
    assert await named("order-1") == ["order-1"]
    assert await named("order-1/") == ["order-1/saga.pack#1"]


async def test_a_saga_that_waits_is_listed(journal: Journal) -> None:
    waiting = Writing(journal)
    await waiting.start()
    await waiting.write(recovered(1), status=Status.WAITING)
    await Writing(journal, "saga-2").start()

    for statuses in ({Status.WAITING}, UNFINISHED - {Status.RUNNING}):
        records, _ = await journal.search(SagaFilter(statuses=frozenset(statuses)), 10, "")
        assert [record.saga_id for record in records] == ["saga-1"]
