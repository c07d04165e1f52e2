"""Sagas are counted by definition and status, each group with its oldest start."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.catalogue import SagaCount, SagaFilter
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


async def test_a_completed_saga_that_is_rolled_back_is_counted_no_more_as_completed(journal: Journal) -> None:
    for number in range(3):
        writer = Writing(journal, f"saga-{number}")
        await writer.start(started_at=AT + number)
        await writer.end()
    claim = await journal.claim_resting("b", "saga-0")
    assert claim is not None
    assert list(await journal.count()) == [SagaCount("place_order", Status.COMPLETED, 3, AT)]

    back = Writing(journal, "saga-0", owner="b", token=claim.token, sequence=2)
    await back.write(recovered(1), status=Status.COMPENSATING)
    assert list(await journal.count()) == [
        SagaCount("place_order", Status.COMPLETED, 2, AT + 1),
        SagaCount("place_order", Status.COMPENSATING, 1, AT),
    ]
    await back.end(Status.COMPENSATED)
    assert list(await journal.count()) == [
        SagaCount("place_order", Status.COMPLETED, 2, AT + 1),
        SagaCount("place_order", Status.COMPENSATED, 1, AT),
    ]


async def test_the_last_that_leaves_a_status_leaves_no_count_behind(journal: Journal) -> None:
    for number in (5, 7):
        writer = Writing(journal, f"saga-{number}")
        await writer.start(started_at=AT + number)
        await writer.end()
        assert await journal.claim_resting("b", writer.saga_id)
        back = Writing(journal, writer.saga_id, owner="b", token=2, sequence=2)
        await back.write(recovered(1), status=Status.COMPENSATING)
        assert Status.COMPLETED not in [count.status for count in await journal.count()]

    late = Writing(journal, "saga-9")
    await late.start(started_at=AT + 9)
    await late.end()
    assert SagaCount("place_order", Status.COMPLETED, 1, AT + 9) in await journal.count()


@pytest.mark.parametrize("seed", range(4))
async def test_counts_agree_with_a_scan_after_any_history(journal: Journal, seed: int) -> None:
    chance = random.Random(seed)
    sagas: list[Writing] = []
    for number in range(150):
        if not sagas or chance.random() < 0.3:
            sagas.append(Writing(journal, f"saga-{number}"))
            await sagas[-1].start(definition=chance.choice(("buy", "sell")), started_at=AT + chance.randrange(50))
        else:
            await go_on(journal, chance.choice(sagas), chance.choice(list(Status)))
        if number % 15 == 0:
            assert list(await journal.count()) == await scanned(journal)
    assert list(await journal.count()) == await scanned(journal)


async def go_on(journal: Journal, saga: Writing, status: Status) -> None:
    """Move a saga to a status, if somebody may; one that rests is claimed first, and now and then only claimed."""
    record = await journal.find(saga.saga_id)
    assert record is not None
    if record.status in {Status.SUSPENDED, Status.COMPLETED}:
        claim = await journal.claim_resting(saga.owner, saga.saga_id)
        assert claim is not None
        saga.token = claim.token
        if status is Status.RUNNING:
            return
    elif record.status not in {Status.RUNNING, Status.COMPENSATING}:
        return
    await saga.write(recovered(1), status=status, ended_at=AT if status in ENDED else None)


async def scanned(journal: Journal) -> list[SagaCount]:
    """What the list of all sagas says."""
    records, _ = await journal.search(SagaFilter(), 1000, "")
    groups: dict[tuple[str, Status], list[int]] = defaultdict(list)
    for record in records:
        groups[record.definition, record.status].append(record.started_at)
    ordered = sorted(groups.items(), key=lambda group: (group[0][0], group[0][1].value))
    return [SagaCount(*key, len(started), min(started)) for key, started in ordered]
