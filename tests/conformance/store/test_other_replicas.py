"""What a replica can see of the others: which sagas they change, and which sagas nobody advances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import UnclaimedCount
from tests.support.journals import AT, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass

LEASE = 3600 * 1_000_000_000


async def test_several_sagas_are_found_at_once_and_those_that_are_not_there_are_left_out(journal: Journal) -> None:
    one, other = Writing(journal, "saga-1"), Writing(journal, "saga-2")
    await one.start()
    await other.start()
    await other.write(recovered(1))
    await other.end()
    await Writing(journal, "saga-3").start()

    found = await journal.find_each(["saga-2", "none\x00", "saga-1"])
    assert {record.saga_id: (record.sequence, record.status) for record in found} == {
        "saga-1": (1, Status.RUNNING),
        "saga-2": (3, Status.COMPLETED),
    }
    assert await journal.find_each([]) == []


async def test_the_inputs_of_several_sagas_are_read_at_once_however_far_the_sagas_are(journal: Journal) -> None:
    one, other = Writing(journal, "saga-1"), Writing(journal, "saga-2")
    await one.start()
    await other.start()
    await other.write(recovered(1))
    await other.end()

    assert await journal.inputs(["saga-2", "none\x00", "saga-1"]) == {"saga-1": b"\x00input", "saga-2": b"\x00input"}
    assert await journal.inputs([]) == {}


async def test_a_replica_sees_how_long_the_journals_of_other_replicas_sagas_are(journal: Journal) -> None:
    writer, own = Writing(journal, "saga-1", owner="b"), Writing(journal, "saga-2", owner="a")
    await writer.start()
    await own.start()
    moving = await journal.moving("a", None)
    assert moving.unended == {"saga-1": 1}

    await writer.write(recovered(1))
    assert (await journal.moving("a", moving)).unended == {"saga-1": 2}
    await writer.suspend()
    assert (await journal.moving("a", moving)).unended == {"saga-1": 3}


async def test_a_saga_that_starts_and_ends_between_two_looks_is_seen(journal: Journal) -> None:
    before = await journal.moving("a", None)
    for number, status in enumerate((Status.COMPLETED, Status.COMPENSATED), start=1):
        writer = Writing(journal, f"saga-{number}", owner="b")
        await writer.start()
        await writer.end(status)

    moving = await journal.moving("a", before)
    assert (moving.unended, moving.ended) == ({}, {"saga-1": 2, "saga-2": 2})
    assert (await journal.moving("a", None)).ended == {}


async def test_a_saga_that_is_parked_and_one_that_gets_an_entry_while_it_is_are_seen(journal: Journal) -> None:
    writer = Writing(journal, "saga-1", owner="b")
    await writer.start()
    before = await journal.moving("a", None)
    await writer.park(None)
    parked = await journal.moving("a", before)
    assert (parked.unended, parked.ended, parked.parked) == ({}, {}, {"saga-1": 2})

    assert await journal.claim_resting("b", "saga-1")
    writer.token = 2
    await writer.park(None)
    assert (await journal.moving("a", parked)).parked == {"saga-1": 3}
    assert (await journal.moving("a", None)).parked == {}


async def test_a_parked_saga_counts_as_claimed_by_nobody_when_it_has_been_due_for_a_minute(
    journal: Journal, let_pass: LetPass
) -> None:
    now = await journal.heartbeat("a", LEASE)
    for number, wake_at in enumerate((now, now, now + LEASE, None)):
        writer = Writing(journal, f"saga-{number}")
        await writer.start()
        await writer.park(wake_at)
    let_pass(30)
    assert await journal.unclaimed() == []

    let_pass(60)
    assert await journal.unclaimed() == [UnclaimedCount("place_order", 1, 2, AT)]
    await journal.claim_due("a", 1)
    assert await journal.unclaimed() == [UnclaimedCount("place_order", 1, 1, AT)]


async def test_sagas_that_no_living_replica_has_claimed_are_counted_by_version(
    journal: Journal, let_pass: LetPass
) -> None:
    await journal.heartbeat("a", LEASE)
    await journal.heartbeat("b", 10 * LEASE)
    for number in range(3):
        await Writing(journal, f"saga-{number}", owner="a").start(started_at=AT + number)
    await Writing(journal, "another", owner="b").start(definition="another")
    resting = Writing(journal, "resting", owner="a")
    await resting.start()
    await resting.suspend()
    assert await journal.unclaimed() == []

    let_pass(7200)
    assert await journal.unclaimed() == [UnclaimedCount("place_order", 1, 3, AT)]
    await journal.release("b")
    assert await journal.unclaimed() == [
        UnclaimedCount("another", 1, 1, (await journal.find_each(["another"]))[0].started_at),
        UnclaimedCount("place_order", 1, 3, AT),
    ]
