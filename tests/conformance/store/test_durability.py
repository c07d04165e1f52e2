"""Whatever was acknowledged is there when the store is opened again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.claims import Claim
from tests.support.journals import ATTRIBUTES, EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from tests.conformance.store.stores import Open


async def test_a_reopened_store_shows_everything(open_durable: Open) -> None:
    journal = await open_durable()
    await Writing(journal).start(*EVERY_ENTRY, attributes=ATTRIBUTES)
    ended = Writing(journal, "ended")
    await ended.start()
    await ended.end()
    before = await journal.search(SagaFilter(), 10, "")
    await journal.close()

    again = await open_durable()
    assert await again.search(SagaFilter(), 10, "") == before
    assert await again.read("saga-1") == list(EVERY_ENTRY)
    assert [record.saga_id for record in before[0]] == ["ended", "saga-1"]
    assert before[0][0].status is Status.COMPLETED


async def test_what_was_appended_just_before_closing_is_kept(open_durable: Open) -> None:
    journal = await open_durable()
    writer = Writing(journal)
    writer.start()
    last = writer.write(recovered(1))
    await journal.close()

    assert last.done()
    assert await (await open_durable()).read("saga-1") == [EVERY_ENTRY[0], recovered(1)]


async def test_tokens_grow_on_after_a_restart(open_durable: Open) -> None:
    journal = await open_durable()
    await Writing(journal).start()
    assert await journal.claim_unfinished("b", 10) == [Claim("saga-1", 2)]
    await journal.close()

    assert await (await open_durable()).claim_unfinished("b2", 10) == [Claim("saga-1", 3)]
