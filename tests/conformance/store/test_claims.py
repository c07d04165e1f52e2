"""One owner: a saga is advanced under the latest claim, and under no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost
from orchestrator.journal.state import Status
from orchestrator.ports.claims import Claim
from orchestrator.ports.journal import NewSaga
from tests.support.journals import AT, EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass

HOUR, MINUTE = 3600, 60
LEASE = HOUR * 1_000_000_000


async def test_a_saga_of_a_silent_replica_is_claimed_with_the_next_token(journal: Journal) -> None:
    await Writing(journal).start()

    assert await journal.claim_unfinished("b", 10) == [Claim("saga-1", 2)]
    assert await journal.claim_unfinished("c", 10) == [Claim("saga-1", 3)]


async def test_a_saga_of_a_live_replica_is_not_claimed_before_its_lease_has_lapsed(
    journal: Journal, let_pass: LetPass
) -> None:
    await journal.heartbeat("a", LEASE)
    await Writing(journal).start()

    let_pass(HOUR - MINUTE)
    assert await journal.claim_unfinished("b", 10) == []
    let_pass(MINUTE)
    assert await journal.claim_unfinished("b", 10) == [Claim("saga-1", 2)]


async def test_sagas_of_other_definitions_and_versions_than_a_replica_serves_are_left_to_others(
    journal: Journal,
) -> None:
    for definition, version in (("buy", 1), ("buy", 2), ("sell", 1)):
        new = NewSaga(definition, version, b"", AT, ())
        await Writing(journal, f"{definition}-{version}").write(EVERY_ENTRY[0], new=new)

    assert await journal.claim_unfinished("b", 10, frozenset()) == []
    assert await journal.claim_unfinished("b", 10, {("buy", 2), ("sell", 2)}) == [Claim("buy-2", 2)]
    assert await journal.claim_unfinished("c", 10, {("buy", 1), ("sell", 1)}) == [Claim("buy-1", 2), Claim("sell-1", 2)]


async def test_what_a_replica_does_not_serve_takes_no_room_among_its_claims(journal: Journal) -> None:
    for number in range(6):
        new = NewSaga("buy", 1 + number % 2, b"", AT, ())
        await Writing(journal, f"saga-{number}").write(EVERY_ENTRY[0], new=new)

    claims = await journal.claim_unfinished("b", 2, {("buy", 2)})
    assert [claim.saga_id for claim in claims] == ["saga-1", "saga-3"]


async def test_a_replica_is_told_what_it_has_claimed_and_is_unfinished(journal: Journal) -> None:
    """It may not know: the answer to its claim may have been lost."""
    await journal.heartbeat("b", LEASE)
    assert await journal.claimed("b") == []
    for name in ("saga-1", "saga-2"):
        await Writing(journal, name).start()
    await journal.claim_unfinished("b", 10)
    ended = Writing(journal, "saga-3", owner="b")
    await ended.start()
    await ended.end(Status.COMPENSATED)
    await Writing(journal, "saga-4", owner="c").start()

    assert await journal.claimed("b") == [Claim("saga-1", 2), Claim("saga-2", 2)]


@pytest.mark.parametrize("status", [Status.RUNNING, Status.COMPENSATING])
async def test_a_replica_is_told_what_it_has_claimed_whatever_keeps_it_unfinished(
    journal: Journal, status: Status
) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=status)

    assert await journal.claimed("a") == [Claim("saga-1", 1)]


async def test_a_replica_is_not_told_of_what_rests_or_has_ended(journal: Journal) -> None:
    for number, end in enumerate((Status.COMPLETED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED)):
        writer = Writing(journal, f"ended-{number}")
        await writer.start()
        await writer.end(end)
    suspended = Writing(journal, "suspended")
    await suspended.start()
    await suspended.suspend()
    assert await journal.claimed("a") == []

    assert await journal.claim_resting("a", "suspended") == Claim("suspended", 2)
    assert await journal.claim_resting("a", "ended-0") == Claim("ended-0", 2)
    assert await journal.claimed("a") == []


async def test_what_a_replica_has_claimed_is_told_in_the_order_of_start(journal: Journal) -> None:
    names = [f"saga-{number * 3 % 7}" for number in range(7)]
    for name in names:
        await Writing(journal, name).start()
    moved = Writing(journal, names[0], sequence=1)
    await moved.write(recovered(1), status=Status.COMPENSATING)

    assert await journal.claimed("a") == [Claim(name, 1) for name in names]


async def test_a_heartbeat_renews_the_lease(journal: Journal, let_pass: LetPass) -> None:
    await journal.heartbeat("a", LEASE)
    await Writing(journal).start()
    let_pass(HOUR - MINUTE)
    await journal.heartbeat("a", LEASE)

    let_pass(HOUR - MINUTE)
    assert await journal.claim_unfinished("b", 10) == []


async def test_a_claimed_saga_belongs_to_its_new_owner(journal: Journal) -> None:
    await Writing(journal).start()
    await journal.heartbeat("b", LEASE)
    (claim,) = await journal.claim_unfinished("b", 10)

    assert await journal.claim_unfinished("c", 10) == []
    assert await journal.claim_unfinished("b", 10) == []
    await Writing(journal, owner="b", token=claim.token, sequence=1).write(recovered(1))
    assert await journal.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]


async def test_a_replica_that_lost_its_claim_appends_nothing(journal: Journal) -> None:
    stale = Writing(journal)
    await stale.start()
    await journal.claim_unfinished("b", 10)

    with pytest.raises(ClaimLost):
        await stale.write(recovered(1))
    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]


async def test_an_older_claim_of_the_same_replica_appends_nothing(journal: Journal) -> None:
    stale = Writing(journal)
    await stale.start()
    assert await journal.claim_unfinished("a", 10) == [Claim("saga-1", 2)]

    with pytest.raises(ClaimLost):
        await stale.write(recovered(1))
    await Writing(journal, token=2, sequence=1).write(recovered(1))


async def test_claims_come_in_the_order_of_start_and_no_more_than_asked_for(journal: Journal) -> None:
    names = [f"saga-{number * 7 % 20:02}" for number in range(20)]
    for name in names:
        await Writing(journal, name).start()
    await journal.heartbeat("b", LEASE)

    claimed = [await journal.claim_unfinished("b", 8) for _ in range(4)]
    assert [len(claims) for claims in claimed] == [8, 8, 4, 0]
    assert [claim.saga_id for claims in claimed for claim in claims] == names


@pytest.mark.parametrize("status", [Status.RUNNING, Status.COMPENSATING])
async def test_an_unfinished_saga_is_claimed(journal: Journal, status: Status) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=status)

    assert [claim.saga_id for claim in await journal.claim_unfinished("b", 10)] == ["saga-1"]


async def test_a_saga_that_waits_is_not_claimed(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await Writing(journal, "saga-2").start()
    await writer.write(recovered(1), status=Status.WAITING)

    assert [claim.saga_id for claim in await journal.claim_unfinished("b", 10)] == ["saga-2"]


async def test_a_saga_that_waits_is_nobodys(journal: Journal) -> None:
    await journal.heartbeat("a", LEASE)
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=Status.WAITING)

    assert await journal.claimed("a") == []
    with pytest.raises(ClaimLost):
        await writer.write(recovered(2))
    assert await journal.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]


async def test_a_saga_that_waits_from_its_start_is_neither_claimed_nor_anybodys(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.write(EVERY_ENTRY[0], status=Status.WAITING, new=NewSaga("buy", 1, b"", AT, ()))

    assert await journal.claimed("a") == []
    assert await journal.claim_unfinished("b", 10) == []
    with pytest.raises(ClaimLost):
        await writer.write(recovered(1))


@pytest.mark.parametrize("status", [Status.COMPENSATED, Status.PARTIALLY_COMPENSATED])
async def test_an_ended_saga_is_not_claimed(journal: Journal, status: Status) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.end(status)

    assert await journal.claim_unfinished("b", 10) == []
    assert await journal.claim_resting("b", "saga-1") is None


async def test_a_completed_saga_is_claimed_by_name_only_to_be_rolled_back_with_its_parent(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.end(Status.COMPLETED)

    assert await journal.claim_unfinished("b", 10) == []
    assert await journal.claim_resting("b", "saga-1") == Claim("saga-1", 2)


async def test_a_suspended_saga_is_claimed_by_name_only(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.suspend()

    assert await journal.claim_unfinished("b", 10) == []
    assert await journal.claim_resting("b", "saga-1") == Claim("saga-1", 2)
    await Writing(journal, owner="b", token=2, sequence=2).write(recovered(1), status=Status.COMPENSATING)


async def test_suspending_lets_go_of_the_claim(journal: Journal) -> None:
    await journal.heartbeat("a", LEASE)
    writer = Writing(journal)
    await writer.start()
    await writer.suspend()

    with pytest.raises(ClaimLost):
        await writer.write(recovered(1), status=Status.COMPENSATING)
    assert await journal.claim_resting("b", "saga-1") == Claim("saga-1", 2)


async def test_a_claim_on_a_suspended_saga_is_lost_to_the_next_until_something_is_written(journal: Journal) -> None:
    """The replica that claimed it may have failed right after, without knowing of the claim: nobody waits for that."""
    writer = Writing(journal)
    await writer.start()
    await writer.suspend()
    await journal.heartbeat("b", LEASE)
    assert await journal.claim_resting("b", "saga-1") == Claim("saga-1", 2)
    assert await journal.claim_resting("c", "saga-1") == Claim("saga-1", 3)

    with pytest.raises(ClaimLost):
        await Writing(journal, owner="b", token=2, sequence=2).write(recovered(1), status=Status.COMPENSATING)
    await Writing(journal, owner="c", token=3, sequence=2).write(recovered(1), status=Status.COMPENSATING)
    assert await journal.claim_resting("b", "saga-1") is None


async def test_a_running_saga_is_not_claimed_as_suspended(journal: Journal) -> None:
    await Writing(journal).start()

    assert await journal.claim_resting("b", "saga-1") is None
    assert await journal.claim_resting("b", "nobody") is None


async def test_what_is_released_can_be_claimed_at_once_and_the_rest_stays(journal: Journal) -> None:
    for owner in ("a", "b"):
        await journal.heartbeat(owner, LEASE)
        await Writing(journal, f"of-{owner}", owner=owner).start()
    await journal.release("a")

    assert await journal.claim_unfinished("c", 10) == [Claim("of-a", 2)]


async def test_a_replica_appends_nothing_to_what_it_has_released(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await journal.release("a")

    with pytest.raises(ClaimLost):
        await writer.write(recovered(1))


async def test_a_released_replica_counts_as_silent_until_it_beats_again(journal: Journal) -> None:
    await journal.heartbeat("a", LEASE)
    await journal.release("a")
    await Writing(journal).start()
    assert await journal.claim_unfinished("b", 10) == [Claim("saga-1", 2)]

    await journal.heartbeat("a", LEASE)
    await Writing(journal, "saga-2").start()
    assert [claim.saga_id for claim in await journal.claim_unfinished("b", 10)] == ["saga-1"]


async def test_a_replica_keeps_the_claims_that_it_made_after_a_release(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await journal.release("a")
    assert await journal.claimed("a") == []
    assert await journal.claim_unfinished("a", 10) == [Claim("saga-1", 2)]

    await Writing(journal, token=2, sequence=1).write(recovered(1))
    assert await journal.claimed("a") == [Claim("saga-1", 2)]


async def test_a_release_lets_go_of_a_suspended_saga_that_was_claimed_by_name(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.suspend()
    assert await journal.claim_resting("b", "saga-1") == Claim("saga-1", 2)
    await journal.release("b")

    with pytest.raises(ClaimLost):
        await Writing(journal, owner="b", token=2, sequence=2).write(recovered(1), status=Status.COMPENSATING)


async def test_claims_of_one_group_of_writes_see_the_writes_before_them(journal: Journal) -> None:
    pens = [Writing(journal, f"saga-{number}") for number in range(3)]
    started = [writer.start() for writer in pens]
    ended = pens[1].end()
    claims = await journal.claim_unfinished("b", 10)
    await asyncio.gather(*started, ended)

    assert claims == [Claim("saga-0", 2), Claim("saga-2", 2)]


async def test_a_replica_is_remembered_as_silent_until_it_is_forgotten(journal: Journal, let_pass: LetPass) -> None:
    for owner in ("a", "b", "c"):
        await journal.heartbeat(owner, LEASE)
    await journal.release("a")
    assert [replica.owner for replica in await journal.silent()] == ["a"]

    let_pass(HOUR)
    assert sorted(replica.owner for replica in await journal.silent()) == ["a", "b", "c"]
    await journal.forget(["a", "b"])
    assert [replica.owner for replica in await journal.silent()] == ["c"]


async def test_a_silent_replica_is_told_with_the_end_of_its_lease(journal: Journal, let_pass: LetPass) -> None:
    for owner in ("a", "b"):
        await journal.heartbeat(owner, LEASE)
        let_pass(MINUTE)
    await journal.release("b")
    let_pass(HOUR)

    first, second = sorted(await journal.silent())
    assert round((second.alive_until - first.alive_until) / 1e9 / MINUTE) == 1


async def test_a_replica_that_beats_again_is_not_silent(journal: Journal) -> None:
    await journal.heartbeat("a", LEASE)
    await journal.release("a")
    await journal.heartbeat("a", LEASE)
    assert await journal.silent() == []


async def test_the_living_replicas_are_told_with_how_many_sagas_they_advance(
    journal: Journal, let_pass: LetPass
) -> None:
    await journal.heartbeat("a", LEASE)
    let_pass(HOUR)
    for owner in ("d", "c", "b"):
        await journal.heartbeat(owner, LEASE)
    pens = [Writing(journal, f"saga-{number}") for number in range(3)]
    await asyncio.gather(*(writer.start() for writer in pens))
    assert [(each.owner, each.claims) for each in await journal.living()] == [("b", 0), ("c", 0), ("d", 0)]
    await journal.claim_unfinished("b", 10)
    await journal.release("d")

    assert [(each.owner, each.claims) for each in await journal.living()] == [("b", 3), ("c", 0)]
