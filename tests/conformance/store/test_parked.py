"""Parked sagas: nobody's, and claimed again when their time has come by the store's own clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.state import Status
from orchestrator.ports.claims import Claim, DueClaims
from orchestrator.ports.journal import NewSaga
from orchestrator.ports.requested_acts import RequestedAct
from tests.support.journals import AT, EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass

SECOND = 1_000_000_000
HOUR, MINUTE = 3600, 60
LEASE = HOUR * SECOND


async def park(journal: Journal, saga_id: str, wake_at: int | None, definition: tuple[str, int] = ("buy", 1)) -> None:
    """A saga that was started by a replica ``a``, and waits until then."""
    writer = Writing(journal, saga_id)
    await writer.write(EVERY_ENTRY[0], new=NewSaga(*definition, b"", AT, ()))
    await writer.park(wake_at)


async def now_of(journal: Journal) -> int:
    """What the clock of the store shows."""
    return await journal.heartbeat("a", LEASE)


async def test_a_heartbeat_is_answered_with_the_time_of_the_store(journal: Journal, let_pass: LetPass) -> None:
    before = await journal.heartbeat("a", LEASE)
    let_pass(HOUR)
    after = await journal.heartbeat("a", LEASE)

    assert HOUR <= (after - before) / SECOND < HOUR + MINUTE


async def test_a_parked_saga_is_claimed_when_its_time_has_come_and_not_before(
    journal: Journal, let_pass: LetPass
) -> None:
    await park(journal, "saga-1", await now_of(journal) + HOUR * SECOND)

    early = await journal.claim_due("b", 10)
    assert early.claims == []
    assert early.next_in is not None
    assert HOUR - MINUTE < early.next_in / SECOND <= HOUR
    let_pass(HOUR - MINUTE)
    assert (await journal.claim_due("b", 10)).claims == []
    let_pass(MINUTE)
    assert await journal.claim_due("b", 10) == DueClaims([Claim("saga-1", 2, due=True)], None)


async def test_a_due_saga_is_claimed_as_due_and_not_as_unfinished(journal: Journal) -> None:
    await park(journal, "saga-1", await now_of(journal))

    assert await journal.claim_unfinished("b", 10) == []
    assert (await journal.claim_due("b", 10)).claims == [Claim("saga-1", 2, due=True)]


async def test_due_sagas_are_claimed_in_the_order_of_their_time_and_no_more_than_asked_for(journal: Journal) -> None:
    now = await now_of(journal)
    for number in (3, 1, 4, 0, 2):
        await park(journal, f"saga-{number}", now - 10 * SECOND + number)
    await journal.heartbeat("b", LEASE)

    claimed = [await journal.claim_due("b", 2) for _ in range(4)]
    assert [len(due.claims) for due in claimed] == [2, 2, 1, 0]
    assert [claim.saga_id for due in claimed for claim in due.claims] == [f"saga-{number}" for number in range(5)]


async def test_the_next_time_to_come_is_told_beside_what_is_due(journal: Journal) -> None:
    now = await now_of(journal)
    for minutes in (30, 0, 20):
        await park(journal, f"in-{minutes}", now + minutes * MINUTE * SECOND)

    due = await journal.claim_due("b", 10)
    assert [claim.saga_id for claim in due.claims] == ["in-0"]
    assert due.next_in is not None
    assert 19 < due.next_in / SECOND / MINUTE <= 20


async def test_a_saga_that_is_parked_without_a_time_is_never_due(journal: Journal, let_pass: LetPass) -> None:
    await park(journal, "saga-1", None)
    let_pass(1000 * HOUR)

    assert await journal.claim_due("b", 10) == DueClaims([], None)


async def test_due_sagas_of_what_a_replica_does_not_serve_are_left_to_others_and_take_no_room(
    journal: Journal,
) -> None:
    now = await now_of(journal)
    for number in range(6):
        await park(journal, f"saga-{number}", now - SECOND + number, ("buy", 1 + number % 2))
    await park(journal, "later", now + LEASE, ("sell", 1))

    assert await journal.claim_due("b", 10, frozenset()) == DueClaims([], None)
    due = await journal.claim_due("b", 2, {("buy", 2), ("buy", 3)})
    assert [claim.saga_id for claim in due.claims] == ["saga-1", "saga-3"]
    assert due.next_in is None
    both = await journal.claim_due("c", 10, {("buy", 1), ("sell", 1)})
    assert [claim.saga_id for claim in both.claims] == ["saga-0", "saga-2", "saga-4"]
    assert both.next_in


async def test_a_due_saga_that_a_living_replica_has_claimed_is_not_claimed_by_another(
    journal: Journal, let_pass: LetPass
) -> None:
    await park(journal, "saga-1", await now_of(journal))
    await journal.heartbeat("b", LEASE)
    await journal.claim_due("b", 10)

    assert (await journal.claim_due("c", 10)).claims == []
    assert (await journal.claim_due("b", 10)).claims == []
    let_pass(HOUR)
    assert (await journal.claim_due("c", 10)).claims == [Claim("saga-1", 3, due=True)]


async def test_a_wake_up_on_a_lost_claim_appends_nothing(journal: Journal) -> None:
    await park(journal, "saga-1", await now_of(journal))
    await journal.claim_due("b", 10)
    await journal.claim_due("c", 10)

    with pytest.raises(ClaimLost):
        await Writing(journal, owner="b", token=2, sequence=2).write(recovered(7))
    await Writing(journal, owner="c", token=3, sequence=2).write(recovered(8))
    assert (await journal.read("saga-1"))[2:] == [recovered(8)]


async def test_a_saga_that_was_woken_is_due_no_more(journal: Journal) -> None:
    await park(journal, "saga-1", await now_of(journal))
    await journal.claim_due("b", 10)
    await Writing(journal, owner="b", token=2, sequence=2).write(recovered(7))

    assert await journal.claim_due("c", 10) == DueClaims([], None)
    assert await journal.claim_unfinished("c", 10) == [Claim("saga-1", 3)]


async def test_a_saga_that_is_parked_again_is_due_at_its_new_time(journal: Journal, let_pass: LetPass) -> None:
    now = await now_of(journal)
    await park(journal, "saga-1", now)
    await journal.claim_due("b", 10)
    again = Writing(journal, owner="b", token=2, sequence=2)
    await again.write(recovered(7))
    await again.park(now + HOUR * SECOND)

    assert (await journal.claim_due("c", 10)).claims == []
    let_pass(HOUR)
    assert (await journal.claim_due("c", 10)).claims == [Claim("saga-1", 3, due=True)]


async def test_a_parked_saga_that_stays_parked_keeps_the_time_that_is_written_with_it(
    journal: Journal, let_pass: LetPass
) -> None:
    wake_at = await now_of(journal) + HOUR * SECOND
    for saga_id, time in (("keeps", wake_at), ("forgets", None)):
        await park(journal, saga_id, wake_at)
        assert await journal.claim_resting("b", saga_id) == Claim(saga_id, 2)
        await Writing(journal, saga_id, owner="b", token=2, sequence=2).park(time)

    let_pass(HOUR)
    assert (await journal.claim_due("c", 10)).claims == [Claim("keeps", 3, due=True)]


async def test_a_parked_saga_is_claimed_by_name(journal: Journal) -> None:
    await park(journal, "saga-1", None)

    assert await journal.claim_resting("b", "saga-1") == Claim("saga-1", 2)
    await Writing(journal, owner="b", token=2, sequence=2).write(recovered(7), status=Status.COMPENSATING)
    assert await journal.claim_resting("c", "saga-1") is None


async def test_a_claim_by_name_wins_over_one_that_was_due_and_has_written_nothing(journal: Journal) -> None:
    await park(journal, "saga-1", await now_of(journal))
    await journal.heartbeat("b", LEASE)
    await journal.claim_due("b", 10)
    assert await journal.claim_resting("c", "saga-1") == Claim("saga-1", 3)

    with pytest.raises(ClaimLost):
        await Writing(journal, owner="b", token=2, sequence=2).write(recovered(7))
    await Writing(journal, owner="c", token=3, sequence=2).write(recovered(8))


async def test_a_replica_can_claim_anew_what_it_has_claimed_without_knowing_and_nothing_of_others(
    journal: Journal,
) -> None:
    """The answer to its claim may have been lost, or it has claimed the saga by name and come no further."""
    now = await now_of(journal)
    await park(journal, "lost", now)
    await journal.heartbeat("b", LEASE)
    await journal.claim_due("b", 10)
    await park(journal, "by-name", now)
    await journal.claim_resting("b", "by-name")
    await park(journal, "of-another", now)
    await journal.claim_resting("a", "of-another")

    assert (await journal.claim_due("b", 10)).claims == []
    claims = (await journal.claim_due("b", 10, anew=True)).claims
    assert sorted(claims) == [Claim("by-name", 3, due=True), Claim("lost", 3, due=True)]


async def test_a_parked_saga_is_not_among_those_that_a_replica_is_told_to_have_claimed(journal: Journal) -> None:
    await park(journal, "saga-1", await now_of(journal))
    await journal.claim_due("b", 10)

    assert await journal.claimed("b") == []


async def test_a_due_saga_that_was_claimed_and_released_can_be_claimed_at_once(journal: Journal) -> None:
    await park(journal, "saga-1", await now_of(journal))
    await journal.heartbeat("b", LEASE)
    await journal.claim_due("b", 10)
    await journal.release("b")

    assert (await journal.claim_due("c", 10)).claims == [Claim("saga-1", 3, due=True)]


async def test_the_record_of_a_parked_saga_tells_when_it_is_due_and_that_of_another_does_not(
    journal: Journal,
) -> None:
    wake_at = await now_of(journal)
    await park(journal, "parked", wake_at)
    await park(journal, "timeless", None)
    await Writing(journal, "running").start()

    assert [record.wake_at for record in await journal.find_each(["parked"])] == [wake_at]
    assert [record.wake_at for record in await journal.find_each(["timeless", "running"])] == [None, None]
    await journal.claim_due("b", 10)
    await Writing(journal, "parked", owner="b", token=2, sequence=2).write(recovered(7))
    (woken,) = await journal.find_each(["parked"])
    assert (woken.status, woken.wake_at) == (Status.RUNNING, None)


async def test_a_saga_may_be_parked_with_its_first_entries(journal: Journal) -> None:
    wake_at = await now_of(journal)
    new = NewSaga("buy", 1, b"", AT, ())
    await Writing(journal).write(EVERY_ENTRY[0], status=Status.WAITING, new=new, wake_at=wake_at)

    assert (await journal.claim_due("b", 10)).claims == [Claim("saga-1", 2, due=True)]


async def test_a_time_counts_for_a_saga_that_waits_and_for_no_other(journal: Journal) -> None:
    now = await now_of(journal)
    for number, status in enumerate((Status.RUNNING, Status.COMPENSATING, Status.SUSPENDED)):
        writer = Writing(journal, f"saga-{number}")
        await writer.start()
        await writer.write(recovered(1), status=status, wake_at=now)

    assert await journal.claim_due("b", 10) == DueClaims([], None)


async def test_an_act_on_a_parked_saga_may_be_carried_out_by_each_replica_that_serves_it(journal: Journal) -> None:
    await park(journal, "saga-1", None)
    requested = RequestedAct("request-1", "saga-1", Act.CANCEL, "he changed his mind", Actor("ada"))
    await journal.request_act(requested)

    assert list(await journal.requested_acts("b", 10, {("buy", 1)})) == [requested]
    assert list(await journal.requested_acts("c", 10, {("buy", 2)})) == []
