"""Notes of what sagas wait for: each replica reads those of the others, as long as these advance the sagas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.ports.noted_waits import NotedWait
from tests.support.journals import Writing

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass

    Handles = tuple[Journal, Journal]

LEASE = 3600 * 1_000_000_000
BACKS_OFF, IS_DOWN = 1, 2


async def noted(handles: Handles, *sagas: str) -> None:
    """Sagas of the replica "a", which waits with each of them."""
    one, _ = handles
    await one.heartbeat("a", LEASE)
    for saga_id in sagas:
        await Writing(one, saga_id).start()
    await one.note_waits("a", [NotedWait(saga_id, (BACKS_OFF, IS_DOWN)) for saga_id in sagas], [])


async def found(journal: Journal, but_of: str = "b") -> list[NotedWait]:
    return sorted(await journal.noted_waits(but_of))


async def test_a_note_is_read_by_every_replica_but_the_one_that_has_written_it(handles: Handles) -> None:
    await noted(handles, "saga-1", "saga-2")

    for handle in handles:
        assert await found(handle) == [NotedWait(each, (BACKS_OFF, IS_DOWN)) for each in ("saga-1", "saga-2")]
        assert await found(handle, but_of="a") == []


async def test_a_note_replaces_the_one_before_it_and_is_removed_where_the_wait_has_ended(handles: Handles) -> None:
    one, other = handles
    await noted(handles, "saga-1", "saga-2")
    await one.note_waits("a", [NotedWait("saga-1", (IS_DOWN,))], ["saga-2"])
    assert await found(other) == [NotedWait("saga-1", (IS_DOWN,))]

    await one.note_waits("a", [], ["saga-1", "saga-3"])
    assert await found(other) == []


async def test_the_notes_of_a_replica_that_is_silent_or_has_let_go_tell_nothing(
    handles: Handles, let_pass: LetPass
) -> None:
    one, other = handles
    await noted(handles, "saga-1")
    let_pass(7200)
    assert await found(other) == []
    await one.heartbeat("a", LEASE)
    assert await found(other) == [NotedWait("saga-1", (BACKS_OFF, IS_DOWN))]

    await one.release("a")
    await one.heartbeat("a", LEASE)
    assert await found(other) == []


async def test_a_note_of_an_earlier_owner_tells_nothing_and_is_not_removed_in_the_name_of_another(
    handles: Handles, let_pass: LetPass
) -> None:
    one, other = handles
    await noted(handles, "saga-1")
    let_pass(7200)
    await other.heartbeat("b", LEASE)
    assert await other.claim_unfinished("b", 10)
    await one.heartbeat("a", LEASE)
    assert await found(other, but_of="c") == []

    await other.note_waits("b", [NotedWait("saga-1", (IS_DOWN,))], [])
    await one.note_waits("a", [], ["saga-1"])
    assert await found(one, but_of="c") == [NotedWait("saga-1", (IS_DOWN,))]


async def test_a_note_of_a_saga_that_rests_tells_nothing(handles: Handles) -> None:
    one, other = handles
    await one.heartbeat("a", LEASE)
    writer = Writing(one)
    await writer.start()
    await one.note_waits("a", [NotedWait("saga-1", (BACKS_OFF,))], [])
    await writer.suspend()

    assert await found(other) == []
