"""Batches over transactions that take their time, as a database over a network has them."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.store.batching.batches import BatchedWrite, Batches

POISON = "poison"
REFUSED = JournalUnavailable("cannot be written")
AN_HOUR = 3600.0


class Database:
    """Writes each batch in a task, once :attr:`goes_on` is set; takes no poison, and nothing else together with it.

    Attributes:
        seen: the batches, in the order in which their transactions began.
        siblings: how many may write.
        most_at_once: how many transactions were open at the same time.
    """

    def __init__(self, distance: float = 0.0) -> None:
        self.batches: Batches[str] = Batches(self._write, lambda: self.siblings, distance)
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.siblings = 0
        self.seen: list[list[str]] = []
        self.most_at_once = 0
        self._open: set[asyncio.Task[None]] = set()

    def _write(self, batch: list[BatchedWrite[str]]) -> None:
        self.seen.append([write.work for write in batch])
        task = asyncio.ensure_future(self._transact(batch))
        self._open.add(task)
        self.most_at_once = max(self.most_at_once, len(self._open))
        task.add_done_callback(self._open.discard)

    async def _transact(self, batch: list[BatchedWrite[str]]) -> None:
        await self.goes_on.wait()
        poisoned = any(write.work == POISON for write in batch)
        for write in batch:
            write.result = f"{write.work} stands"
            write.error = REFUSED if poisoned else None
        if poisoned and len(batch) > 1:
            self.batches.one_by_one(batch)
        else:
            self.batches.tell(batch)
        self.batches.ended()


async def turns(number: int = 20) -> None:
    """Let the loop turn."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_writes_of_one_turn_of_the_loop_share_a_transaction() -> None:
    database = Database()
    told = await asyncio.gather(*map(database.batches.submit, "abc"))

    assert told == ["a stands", "b stands", "c stands"]
    assert database.seen == [["a", "b", "c"]]


async def test_what_gathers_while_a_transaction_is_under_way_shares_the_next_one() -> None:
    database = Database()
    database.goes_on.clear()
    waiting = [database.batches.submit("first")]
    await turns()
    for work in "abc":
        waiting.append(database.batches.submit(work))
        await turns()
    assert database.seen == [["first"]]
    database.goes_on.set()
    await asyncio.gather(*waiting)

    assert database.seen == [["first"], ["a", "b", "c"]]
    assert database.most_at_once == 1


async def test_a_write_is_told_nothing_before_its_transaction_has_ended() -> None:
    database = Database()
    database.goes_on.clear()
    written = database.batches.submit("a")
    await turns()
    assert database.seen == [["a"]]
    assert not written.done()

    database.goes_on.set()
    assert await written == "a stands"


async def test_more_than_a_transaction_takes_is_written_in_order_by_several() -> None:
    database = Database()
    works = [str(number) for number in range(2500)]
    await asyncio.gather(*map(database.batches.submit, works))

    assert [work for batch in database.seen for work in batch] == works
    assert [len(batch) for batch in database.seen] == [1000, 1000, 500]
    assert database.most_at_once == 1


async def test_a_write_that_cannot_be_written_disturbs_no_other_of_its_batch() -> None:
    database = Database()
    told = await asyncio.gather(*map(database.batches.submit, ["a", POISON, "b"]), return_exceptions=True)

    assert told == ["a stands", REFUSED, "b stands"]
    assert database.seen == [["a", POISON, "b"], ["a"], [POISON], ["b"]]


async def test_writes_that_are_tried_alone_come_before_those_that_have_gathered_since() -> None:
    database = Database()
    database.goes_on.clear()
    tried = [database.batches.submit(work) for work in ("a", POISON)]
    await turns()
    later = [database.batches.submit(work) for work in ("c", "d")]
    database.goes_on.set()
    await asyncio.gather(*tried, *later, return_exceptions=True)

    assert database.seen == [["a", POISON], ["a"], [POISON], ["c", "d"]]


async def test_writes_that_are_tried_alone_wait_for_no_siblings() -> None:
    database = Database(distance=AN_HOUR)
    told = asyncio.gather(*map(database.batches.submit, ["a", POISON, "b"]), return_exceptions=True)
    await turns(1)
    database.siblings = 100

    assert await told == ["a stands", REFUSED, "b stands"]


async def test_while_most_are_elsewhere_a_transaction_waits_for_as_many_as_are_out() -> None:
    database = Database(distance=AN_HOUR)
    await database.batches.submit("first")
    database.siblings = 6
    waiting = [database.batches.submit(work) for work in "ab"]
    await turns()
    assert database.seen == [["first"]], "four are out, and two wait"

    waiting.append(database.batches.submit("c"))
    await asyncio.gather(*waiting)
    assert database.seen == [["first"], ["a", "b", "c"]]


async def test_a_write_that_nobody_joins_waits_for_no_longer_than_the_distance() -> None:
    database = Database(distance=0.002)
    database.siblings = 100
    loop = asyncio.get_running_loop()
    await database.batches.submit("first")
    began = loop.time()
    await database.batches.submit("a")

    assert loop.time() - began < 1.0
    assert database.seen == [["first"], ["a"]]


@pytest.mark.parametrize("work", ["a", POISON])
async def test_a_waiter_that_has_left_disturbs_neither_its_write_nor_the_others(work: str) -> None:
    database = Database()
    left, stays = database.batches.submit(work), database.batches.submit("b")
    left.cancel()

    assert await stays == "b stands"
    assert work in database.seen[0]


async def test_what_was_submitted_is_written_before_a_drain_ends() -> None:
    database = Database()
    database.goes_on.clear()
    under_way = database.batches.submit("a")
    await turns()
    gathered = database.batches.submit("b")
    drains = [asyncio.ensure_future(database.batches.drain()) for _ in range(2)]
    await turns()
    assert not any(drain.done() for drain in drains)

    database.goes_on.set()
    await asyncio.gather(*drains)
    assert under_way.done()
    assert gathered.done()


async def test_batches_without_anything_to_write_are_drained_at_once() -> None:
    database = Database()
    await database.batches.drain()
    await database.batches.submit("a")
    await database.batches.drain()

    assert database.seen == [["a"]]
