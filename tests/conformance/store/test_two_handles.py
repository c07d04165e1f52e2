"""Two handles on one store, as two processes have them: what one has written binds the other.

Neither handle may trust what it remembers of a saga: the other one may have claimed it since.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost, JournalUnavailable, SagaExists, SequenceConflict
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.claims import Claim
from orchestrator.store.opening import known_urls
from tests.conformance.store.stores import EXCLUSIVE, SHARED, STORES
from tests.support.journals import ATTRIBUTES, EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass, Open

    Handles = tuple[Journal, Journal]

HOUR, MINUTE = 3600, 60
LEASE = HOUR * 1_000_000_000


def test_every_store_that_a_url_can_name_is_in_the_suite_and_says_whether_processes_share_it() -> None:
    assert sorted(re.findall(r"(\w+):", known_urls())) == sorted({name.split()[0] for name in STORES})
    assert sorted([*SHARED, *EXCLUSIVE]) == sorted(STORES)


async def test_what_one_handle_has_acknowledged_the_other_reads_lists_and_counts(handles: Handles) -> None:
    one, other = handles
    writer = Writing(one)
    await writer.start(attributes=ATTRIBUTES)
    await writer.write(recovered(1), status=Status.COMPENSATING)

    assert await other.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]
    record = await other.find("saga-1")
    assert record is not None
    assert (record.status, record.attributes, record.sequence) == (Status.COMPENSATING, ATTRIBUTES, 2)
    assert await other.search(SagaFilter(), 10, "") == await one.search(SagaFilter(), 10, "") == ([record], "")
    assert list(await other.count()) == list(await one.count())


async def test_a_saga_whose_owner_is_alive_is_not_claimed_through_the_other_handle(
    handles: Handles, let_pass: LetPass
) -> None:
    one, other = handles
    await one.heartbeat("a", LEASE)
    await Writing(one).start()

    let_pass(HOUR - MINUTE)
    assert await other.claim_unfinished("b", 10) == []
    await one.heartbeat("a", LEASE)
    let_pass(MINUTE)
    assert await other.claim_unfinished("b", 10) == []


async def test_a_saga_whose_lease_has_lapsed_is_claimed_through_the_other_handle(
    handles: Handles, let_pass: LetPass
) -> None:
    one, other = handles
    await one.heartbeat("a", LEASE)
    await Writing(one).start()

    let_pass(HOUR)
    assert await other.claim_unfinished("b", 10) == [Claim("saga-1", 2)]
    assert await one.claimed("a") == []
    assert await one.claimed("b") == await other.claimed("b") == [Claim("saga-1", 2)]


async def test_a_claim_that_is_kept_alive_through_one_handle_holds_for_the_other(
    handles: Handles, let_pass: LetPass
) -> None:
    one, other = handles
    await Writing(one).start()
    await other.heartbeat("b", LEASE)
    assert await other.claim_unfinished("b", 10) == [Claim("saga-1", 2)]

    let_pass(HOUR - MINUTE)
    assert await one.claim_unfinished("a", 10) == []
    let_pass(MINUTE)
    assert await one.claim_unfinished("a", 10) == [Claim("saga-1", 3)]


async def test_an_append_under_a_token_that_the_other_handle_has_outdated_writes_nothing(handles: Handles) -> None:
    one, other = handles
    stale = Writing(one)
    await stale.start()
    await stale.write(recovered(1))
    (claim,) = await other.claim_unfinished("b", 10)

    with pytest.raises(ClaimLost):
        await stale.write(recovered(2))
    assert await one.read("saga-1") == await other.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]
    await Writing(other, owner="b", token=claim.token, sequence=2).write(recovered(3))
    assert await one.read("saga-1") == [EVERY_ENTRY[0], recovered(1), recovered(3)]


async def test_an_append_of_a_replica_that_has_claimed_again_elsewhere_writes_nothing(handles: Handles) -> None:
    """The owner is the same, and the token is not: one process may have two lives."""
    one, other = handles
    stale = Writing(one)
    await stale.start()
    assert await other.claim_unfinished("a", 10) == [Claim("saga-1", 2)]

    with pytest.raises(ClaimLost):
        await stale.write(recovered(1))


async def test_a_saga_that_went_there_and_back_is_written_from_where_it_stands_now(handles: Handles) -> None:
    one, other = handles
    await Writing(one).start()
    await other.claim_unfinished("b", 10)
    await Writing(other, owner="b", token=2, sequence=1).write(recovered(1), recovered(2))
    assert await one.claim_unfinished("a", 10) == [Claim("saga-1", 3)]

    with pytest.raises(SequenceConflict):
        await Writing(one, token=3, sequence=1).write(recovered(3))
    await Writing(one, token=3, sequence=3).write(recovered(3))
    assert await other.read("saga-1") == [EVERY_ENTRY[0], *map(recovered, range(1, 4))]


async def test_a_saga_is_claimed_through_one_handle_alone_when_both_ask_at_once(handles: Handles) -> None:
    one, other = handles
    await asyncio.gather(*(Writing(one, f"saga-{number:02}").start() for number in range(20)))
    await asyncio.gather(one.heartbeat("b", LEASE), other.heartbeat("c", LEASE))
    asked = (handle.claim_unfinished(owner, 3) for _ in range(5) for handle, owner in ((one, "b"), (other, "c")))
    claims = [claim for claims in await asyncio.gather(*asked) for claim in claims]

    assert sorted(claims) == [Claim(f"saga-{number:02}", 2) for number in range(20)]


async def test_a_start_through_both_handles_at_once_happens_once(handles: Handles) -> None:
    pens = [Writing(handle, owner=owner) for handle, owner in zip(handles, "ab", strict=True)]
    ends = await asyncio.gather(*(writer.start() for writer in pens), return_exceptions=True)

    assert sorted(type(end).__name__ for end in ends) == ["NoneType", SagaExists.__name__]
    started = pens[[type(end) for end in ends].index(type(None))]
    await started.write(recovered(1))
    assert [len(await handle.read("saga-1")) for handle in handles] == [2, 2]


async def test_a_suspended_saga_is_claimed_by_name_through_the_other_handle(handles: Handles) -> None:
    one, other = handles
    writer = Writing(one)
    await writer.start()
    assert await other.claim_resting("b", "saga-1") is None
    await writer.suspend()
    assert await other.claim_resting("b", "saga-1") == Claim("saga-1", 2)

    with pytest.raises(ClaimLost):
        await writer.write(recovered(1), status=Status.COMPENSATING)
    await Writing(other, owner="b", token=2, sequence=2).write(recovered(1), status=Status.COMPENSATING)
    assert await one.claim_resting("a", "saga-1") is None


async def test_of_two_claims_by_name_the_later_one_counts(handles: Handles) -> None:
    one, other = handles
    writer = Writing(one)
    await writer.start()
    await writer.suspend()
    assert await one.claim_resting("a", "saga-1") == Claim("saga-1", 2)
    assert await other.claim_resting("b", "saga-1") == Claim("saga-1", 3)

    with pytest.raises(ClaimLost):
        await Writing(one, token=2, sequence=2).write(recovered(1), status=Status.COMPENSATING)
    await Writing(other, owner="b", token=3, sequence=2).write(recovered(1), status=Status.COMPENSATING)


async def test_what_one_handle_releases_the_other_claims_at_once_and_nothing_else(handles: Handles) -> None:
    one, other = handles
    for handle, owner in ((one, "a"), (other, "b")):
        await handle.heartbeat(owner, LEASE)
        await Writing(handle, f"of-{owner}", owner=owner).start()
    await one.release("a")

    assert await other.claim_unfinished("b", 10) == [Claim("of-a", 2)]
    await Writing(other, "of-b", owner="b", sequence=1).write(recovered(1))
    with pytest.raises(ClaimLost):
        await Writing(one, "of-a", sequence=1).write(recovered(1))


async def test_a_saga_that_was_made_to_wait_is_claimed_through_neither_handle(handles: Handles) -> None:
    one, other = handles
    writer = Writing(one)
    await writer.start()
    await writer.write(recovered(1), status=Status.WAITING)

    assert await one.claim_unfinished("a", 10) == []
    assert await other.claim_unfinished("b", 10) == []
    assert [count.status for count in await other.count()] == [Status.WAITING]


async def test_a_silent_replica_is_seen_and_forgotten_through_either_handle(
    handles: Handles, let_pass: LetPass
) -> None:
    one, other = handles
    for owner in ("a", "b"):
        await one.heartbeat(owner, LEASE)
    assert await other.silent() == []
    await one.release("a")
    assert [replica.owner for replica in await other.silent()] == ["a"]
    let_pass(HOUR)
    assert sorted(replica.owner for replica in await other.silent()) == ["a", "b"]

    await other.forget(["a", "b"])
    assert await one.silent() == []


async def test_closing_one_handle_leaves_the_other_whole(handles: Handles) -> None:
    one, other = handles
    writer = Writing(one)
    await writer.start()
    await other.close()
    await writer.write(recovered(1))

    assert await one.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]


async def test_a_store_for_one_process_refuses_the_second_handle_and_says_why(open_exclusive: Open) -> None:
    one = await open_exclusive()
    writer = Writing(one)
    await writer.start()

    with pytest.raises(JournalUnavailable, match="in use by another orchestrator; stop that one"):
        await open_exclusive()
    await writer.write(recovered(1))
    assert await one.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]


async def test_a_store_for_one_process_takes_the_next_once_the_first_has_closed(open_exclusive: Open) -> None:
    one = await open_exclusive()
    await one.heartbeat("a", LEASE)
    await Writing(one).start()
    await one.close()
    other = await open_exclusive()

    # The process that had the store is dead, whatever its lease says.
    assert await other.claim_unfinished("b", 10) == [Claim("saga-1", 2)]
    with pytest.raises(ClaimLost):
        await Writing(other, sequence=1).write(recovered(1))
