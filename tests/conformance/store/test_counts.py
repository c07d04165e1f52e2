"""Sagas are counted by definition and status, each group with its oldest start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaCount
from tests.support.journals import AT, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal


async def test_an_empty_journal_counts_nothing(journal: Journal) -> None:
    assert list(await journal.count()) == []


async def test_a_group_tells_its_number_and_its_oldest_start_in_whatever_order_they_were_written(
    journal: Journal,
) -> None:
    for number, started_at in enumerate((AT + 5, AT + 2, AT + 9)):
        await Writing(journal, f"saga-{number}").start(started_at=started_at)

    assert list(await journal.count()) == [SagaCount("place_order", Status.RUNNING, 3, AT + 2)]


async def test_groups_are_told_apart_by_definition_and_status_and_come_in_that_order(journal: Journal) -> None:
    for number, definition in enumerate(("sell", "buy", "sell", "buy", "buy")):
        await Writing(journal, f"running-{number}").start(definition=definition, started_at=AT + number)
    for number, end in enumerate((Status.PARTIALLY_COMPENSATED, Status.COMPENSATED, Status.COMPLETED)):
        writer = Writing(journal, f"ended-{number}")
        await writer.start(definition="buy", started_at=AT + 20 - number)
        await writer.end(end)
    suspended = Writing(journal, "suspended")
    await suspended.start(definition="sell", started_at=AT - 1)
    await suspended.suspend()

    assert list(await journal.count()) == [
        SagaCount("buy", Status.RUNNING, 3, AT + 1),
        SagaCount("buy", Status.COMPLETED, 1, AT + 18),
        SagaCount("buy", Status.COMPENSATED, 1, AT + 19),
        SagaCount("buy", Status.PARTIALLY_COMPENSATED, 1, AT + 20),
        SagaCount("sell", Status.RUNNING, 2, AT),
        SagaCount("sell", Status.SUSPENDED, 1, AT - 1),
    ]


async def test_a_saga_is_counted_under_its_latest_status_alone(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=Status.COMPENSATING)

    assert list(await journal.count()) == [SagaCount("place_order", Status.COMPENSATING, 1, AT)]


async def test_a_saga_that_waits_is_counted(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=Status.WAITING)

    assert list(await journal.count()) == [SagaCount("place_order", Status.WAITING, 1, AT)]
