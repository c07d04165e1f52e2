"""What stands beside many finished sagas meets them as appends would have left them."""

from __future__ import annotations

from orchestrator.journal.entries import SagaCompleted, SagaStarted
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.store.opening import open_store
from tests.bench.filling import filled

ONE = "0" * 36
COMPLETED = SagaCompleted(2, b"result")
APPENDS = [
    Append(
        ONE,
        "a",
        1,
        0,
        [SagaStarted(1, "checkout", 1, b"input")],
        Status.RUNNING,
        None,
        NewSaga("checkout", 1, b"", 1, ()),
    ),
    Append(ONE, "a", 1, 1, [COMPLETED], Status.COMPLETED, 2),
]


async def test_filled_sagas_are_found_read_and_counted_like_the_one_that_they_copy(postgres_url: str) -> None:
    saga_ids = await filled(postgres_url, APPENDS, 20)

    journal = await open_store(postgres_url)
    (counted,) = await journal.count()
    records, _ = await journal.search(SagaFilter(), 100, "")
    entries = await journal.read(saga_ids[-1])
    claims = await journal.claim_unfinished("b", 100)
    await journal.close()

    assert (counted.definition, counted.status, counted.number) == ("checkout", Status.COMPLETED, 21)
    assert [record.saga_id for record in reversed(records)] == [ONE, *saga_ids], "in the order of their starts"
    assert {(record.status, record.ended_at, record.sequence) for record in records} == {(Status.COMPLETED, 2, 2)}
    assert entries[-1] == COMPLETED
    assert claims == []
