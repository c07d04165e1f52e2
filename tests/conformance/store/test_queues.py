"""Sagas that are queued: each is begun once, in turn, by one replica, and then recovered like any other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost
from orchestrator.journal import entries as e
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.queues import QueuedCount
from tests.support.journals import AT, EVERY_ENTRY, Writing

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass, Open

LEASE = 60 * 1_000_000_000
SECOND = 1_000_000_000


async def queue(journal: Journal, saga_id: str, turn_at: int, definition: str = "place_order", at: int = AT) -> None:
    await Writing(journal, saga_id).start(definition=definition, turn_at=turn_at, started_at=at)


async def claimed(journal: Journal, number: int, owner: str = "b") -> list[str]:
    """The sagas of one definition whose turn it is now."""
    return sorted(each.saga_id for each in await journal.claim_queued(owner, {"place_order": number}))


async def test_those_are_begun_whose_turn_comes_first(journal: Journal) -> None:
    for saga_id, turn_at in (("saga-1", 50), ("saga-2", 10), ("saga-3", 30), ("saga-4", 30), ("saga-5", 20)):
        await queue(journal, saga_id, turn_at)

    assert await claimed(journal, 1) == ["saga-2"]
    assert await claimed(journal, 2) == ["saga-3", "saga-5"]
    assert await claimed(journal, 10) == ["saga-1", "saga-4"]
    assert await claimed(journal, 10) == []


async def test_each_definition_has_a_queue_of_its_own(journal: Journal) -> None:
    for number in range(5):
        await queue(journal, f"order-{number}", number)
        await queue(journal, f"trip-{number}", number, definition="trip")

    claims = await journal.claim_queued("b", {"place_order": 1, "trip": 3, "unknown": 9})

    assert sorted(claim.saga_id for claim in claims) == ["order-0", "trip-0", "trip-1", "trip-2"]


async def test_a_replica_claims_only_what_it_serves(journal: Journal) -> None:
    await queue(journal, "saga-1", 1)

    assert await journal.claim_queued("b", {"place_order": 1}, (("place_order", 2),)) == []
    claims = await journal.claim_queued("b", {"place_order": 1}, (("place_order", 1),))
    assert [claim.saga_id for claim in claims] == ["saga-1"]


async def test_a_queued_saga_is_claimed_by_one_replica_though_several_ask_at_once(
    handles: tuple[Journal, Journal],
) -> None:
    one, two = handles
    for number in range(20):
        await queue(one, f"saga-{number:02}", number)

    wanted = {"place_order": 8}
    claims = await asyncio.gather(one.claim_queued("a", wanted), two.claim_queued("b", wanted))

    saga_ids = [claim.saga_id for found in claims for claim in found]
    assert len(saga_ids) == len(set(saga_ids)) == 16


async def test_what_was_claimed_is_running_and_written_by_its_owner_alone(journal: Journal) -> None:
    await queue(journal, "saga-1", 1)
    (claim,) = await journal.claim_queued("b", {"place_order": 1})

    record = await journal.find("saga-1")
    assert record is not None
    assert (record.status, record.turn_at, claim.token) == (Status.RUNNING, None, 2)
    assert [each.saga_id for each in await journal.claimed("b")] == ["saga-1"], "the claim's answer may be lost"
    writer = Writing(journal, "saga-1", "b", claim.token, sequence=1)
    await writer.write(e.SagaAdmitted(AT, "b"))
    await writer.end()


async def test_what_a_dead_replica_has_begun_is_recovered_by_another(journal: Journal, let_pass: LetPass) -> None:
    await journal.heartbeat("b", LEASE)
    await queue(journal, "saga-1", 1)
    await journal.claim_queued("b", {"place_order": 1})
    assert await journal.claim_unfinished("c", 10) == []

    let_pass(61)

    assert [claim.saga_id for claim in await journal.claim_unfinished("c", 10)] == ["saga-1"]


async def test_a_queued_saga_is_nobodys_and_recovered_by_nobody(journal: Journal) -> None:
    await journal.heartbeat("a", LEASE)
    await queue(journal, "saga-1", 1)

    assert await journal.claim_unfinished("b", 10) == []
    assert (await journal.claim_due("b", 10)).claims == []
    assert await journal.unclaimed() == []
    assert await journal.claimed("a") == []


async def test_a_queued_saga_is_woken_at_its_time_and_leaves_the_queue_with_its_next_entries(
    journal: Journal, let_pass: LetPass
) -> None:
    now = await journal.heartbeat("b", LEASE)
    writer = Writing(journal)
    await writer.start()
    await writer.write(EVERY_ENTRY[1], status=Status.WAITING, wake_at=now + 30 * SECOND, turn_at=5)
    let_pass(31)

    ((claim,), _) = await journal.claim_due("b", 10)
    await Writing(journal, "saga-1", "b", claim.token, sequence=2).end(Status.COMPENSATED)

    assert await journal.queued() == []


async def test_a_queued_saga_has_its_turn_though_a_replica_claimed_it_by_its_name_and_wrote_nothing(
    journal: Journal,
) -> None:
    await journal.heartbeat("b", LEASE)
    await queue(journal, "saga-1", 1)
    claim = await journal.claim_resting("b", "saga-1")
    assert claim is not None

    assert await claimed(journal, 10, "c") == ["saga-1"]
    with pytest.raises(ClaimLost):
        await Writing(journal, "saga-1", "b", claim.token, sequence=1).end()


async def test_the_queue_is_counted_by_definition_and_version(journal: Journal) -> None:
    assert await journal.queued() == []
    await Writing(journal, "running").start()
    await Writing(journal, "parked").start()
    for number in range(3):
        await queue(journal, f"saga-{number}", number, at=AT + 7 - number)
    await queue(journal, "trip-1", 1, definition="trip", at=AT + 9)

    assert await journal.queued() == [QueuedCount("place_order", 1, 3, AT + 5), QueuedCount("trip", 1, 1, AT + 9)]
    await claimed(journal, 2)
    assert (await journal.queued())[0].number == 1


async def test_queued_sagas_are_found_by_a_filter(journal: Journal) -> None:
    await Writing(journal, "running").start()
    await queue(journal, "saga-1", 7)
    await queue(journal, "trip-1", 8, definition="trip")

    found, _ = await journal.search(SagaFilter(queued=True), 10, "")
    assert [(record.saga_id, record.turn_at, record.status) for record in found] == [
        ("trip-1", 8, Status.WAITING),
        ("saga-1", 7, Status.WAITING),
    ]
    found, _ = await journal.search(SagaFilter(queued=True, definition="trip"), 10, "")
    assert [record.saga_id for record in found] == ["trip-1"]


async def test_a_queue_outlives_its_process(open_durable: Open) -> None:
    journal = await open_durable()
    await queue(journal, "saga-1", 2)
    await queue(journal, "saga-2", 1)
    await journal.close()

    again = await open_durable()

    assert await claimed(again, 1) == ["saga-2"]
