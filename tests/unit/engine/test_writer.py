"""The pen of a saga: what it calls durable is."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.engine.entries import SagaStarted
from orchestrator.engine.ports import Append, NewSaga
from orchestrator.engine.state import SagaState
from orchestrator.engine.writer import SagaWriter
from orchestrator.errors import JournalUnavailable
from tests.unit.engine.stage import Witness, turns


class SlowJournal:
    """Writes when it is told to."""

    def __init__(self) -> None:
        self.written: list[asyncio.Future[None]] = []

    def append(self, _append: Append) -> asyncio.Future[None]:
        self.written.append(asyncio.get_running_loop().create_future())
        return self.written[-1]


def writer(journal: SlowJournal) -> SagaWriter:
    """One that has recorded the start of a saga."""
    new = NewSaga("trip", 1, b"", 1, ())
    pen = SagaWriter(SagaState("saga-1"), journal, Witness(), owner="me", token=1, sequence=0, new=new)  # type: ignore[arg-type]
    pen.record(SagaStarted(1, "trip", 1, b""))
    return pen


async def test_whoever_persists_waits_for_what_another_is_writing() -> None:
    journal = SlowJournal()
    pen = writer(journal)
    first, second = (asyncio.ensure_future(pen.persist()) for _ in range(2))
    await turns()
    assert not second.done(), "nothing is left to write, and nothing is durable"

    journal.written[0].set_result(None)
    await first
    await second
    assert len(journal.written) == 1


async def test_whoever_persists_learns_that_an_earlier_write_failed() -> None:
    journal = SlowJournal()
    pen = writer(journal)
    first = asyncio.ensure_future(pen.persist())
    await turns()
    journal.written[0].set_exception(JournalUnavailable("the disk is full"))
    with pytest.raises(JournalUnavailable):
        await first

    with pytest.raises(JournalUnavailable):
        await pen.persist()
