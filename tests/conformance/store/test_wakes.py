"""Wakes: what one handle of a store has done, the others are told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.ports.requested_acts import RequestedAct
from orchestrator.ports.wakes import Wake
from tests.support.journals import Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal

    Handles = tuple[Journal, Journal]

PAUSE = RequestedAct("a/1", "saga-1", Act.PAUSE, "wait", Actor("ada"))
PATIENCE = 30.0


async def hears(journal: Journal, kind: Wake, saga_id: str = "") -> None:
    """Return once a handle is told of this kind, at this saga or any."""
    async with asyncio.timeout(PATIENCE):
        while True:
            saga_ids = (await journal.woken()).get(kind)
            if saga_ids is not None and (not saga_ids or saga_id in saga_ids):
                return


async def heard_first(journal: Journal) -> None:
    """A handle listens from now on."""
    async with asyncio.timeout(PATIENCE):
        assert await journal.woken() == dict.fromkeys(Wake, ())


async def test_the_first_wake_of_a_handle_is_about_everything(handles: Handles) -> None:
    for handle in handles:
        await heard_first(handle)


async def test_entries_that_one_handle_writes_wake_the_other_and_are_there_by_then(handles: Handles) -> None:
    one, other = handles
    await heard_first(other)
    writer = Writing(one)
    await writer.start()
    await hears(other, Wake.SAGA, "saga-1")
    await writer.write(recovered(1))
    await hears(other, Wake.SAGA, "saga-1")

    assert len(await other.read("saga-1")) == 2


async def test_a_request_wakes_the_other_handle_and_its_answer_wakes_the_one_that_has_requested(
    handles: Handles,
) -> None:
    one, other = handles
    await heard_first(one)
    await heard_first(other)
    await Writing(other, owner="b").start()
    await one.request_act(PAUSE)
    await hears(other, Wake.REQUESTED, "saga-1")
    assert list(await other.requested_acts("b", 10)) == [PAUSE]
    await other.answer_act("a/1", "done")
    await hears(one, Wake.ANSWERED)

    assert await one.act_answers(["a/1"]) == {"a/1": "done"}


async def test_a_replica_that_releases_its_sagas_wakes_the_others(handles: Handles) -> None:
    one, other = handles
    await heard_first(other)
    await one.heartbeat("a", 10**12)
    await Writing(one).start()
    await one.release("a")
    await hears(other, Wake.CLAIMABLE)

    assert [claim.saga_id for claim in await other.claim_unfinished("b", 10)] == ["saga-1"]


async def test_what_a_handle_has_done_itself_is_no_news_to_it(handles: Handles) -> None:
    one, other = handles
    await heard_first(one)
    await heard_first(other)
    await Writing(one, "of-one").start()
    await Writing(other, "of-other").start()
    async with asyncio.timeout(PATIENCE):
        assert await one.woken() == {Wake.SAGA: ("of-other",)}


async def test_a_wake_about_many_sagas_is_about_any(handles: Handles) -> None:
    one, other = handles
    await heard_first(other)
    await asyncio.gather(*(Writing(one, f"saga-{number}").start() for number in range(300)))

    await hears(other, Wake.SAGA, "saga-299")


async def test_what_was_told_while_nobody_asked_is_told_later_also_by_a_handle_that_is_closed(handles: Handles) -> None:
    one, other = handles
    await heard_first(other)
    await Writing(one).start()
    await one.close()

    await hears(other, Wake.SAGA, "saga-1")
