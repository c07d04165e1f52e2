"""The journal writer of a saga: what it calls durable is."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.contract.command import Effect
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.errors import ClaimLost, JournalUnavailable
from orchestrator.journal.cause import Cause
from orchestrator.journal.entries import (
    CommandIntended,
    RollbackBegan,
    SagaCompensated,
    SagaRecovered,
    SagaResumed,
    SagaStarted,
    SagaSuspended,
)
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import SagaState, Status
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.world.observer import RecordingObserver
from tests.support.engine_world import turns


class SlowJournal(MemoryJournal):
    """Writes when it is told to.

    Attributes:
        appends: what it was asked to write.
        written: for each, done when it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.appends: list[Append] = []
        self.written: list[asyncio.Future[None]] = []

    def append(self, append: Append) -> asyncio.Future[None]:
        self.appends.append(append)
        self.written.append(asyncio.get_running_loop().create_future())
        return self.written[-1]


NEW = NewSaga("trip", 1, b"", 1, ())
STARTED = SagaStarted(1, "trip", 1, b"")


def started_writer(journal: SlowJournal, observer: RecordingObserver | None = None) -> SagaWriter:
    """One that has recorded the start of a saga."""
    writer = SagaWriter(
        SagaState("saga-1"), journal, observer or RecordingObserver(), owner="me", token=7, sequence=0, new=NEW
    )
    writer.record(STARTED)
    return writer


async def test_a_persist_waits_for_what_another_is_writing() -> None:
    journal = SlowJournal()
    writer = started_writer(journal)
    first, second = (asyncio.ensure_future(writer.persist()) for _ in range(2))
    await turns()
    assert not second.done(), "nothing is left to write, and nothing is durable"

    journal.written[0].set_result(None)
    await first
    await second
    assert len(journal.written) == 1


async def test_a_persist_learns_that_an_earlier_write_failed() -> None:
    journal = SlowJournal()
    writer = started_writer(journal)
    first = asyncio.ensure_future(writer.persist())
    await turns()
    journal.written[0].set_exception(JournalUnavailable("the disk is full"))
    with pytest.raises(JournalUnavailable):
        await first

    with pytest.raises(JournalUnavailable):
        await writer.persist()


async def test_each_write_says_whose_it_is_what_it_follows_and_where_the_saga_stands_then() -> None:
    journal = SlowJournal()
    writer = started_writer(journal)
    began, ended = RollbackBegan(2, Reason(ReasonCode.CANCELLED, "enough")), SagaCompensated(3)
    writer.persist()
    writer.record(began)
    writer.record(ended)
    writer.persist()

    assert journal.appends == [
        Append("saga-1", "me", 7, 0, [STARTED], Status.RUNNING, None, NEW),
        Append("saga-1", "me", 7, 1, [began, ended], Status.COMPENSATED, 3, None, cause=Cause.of(began.reason, "", 2)),
    ]


async def test_a_cause_is_told_when_it_changes_and_not_with_every_write() -> None:
    journal = SlowJournal()
    writer = started_writer(journal)
    bought = CommandIntended(2, "Shop.Buy#1", "shop.v1.Shop.Buy", Effect.COMPENSABLE, b"")
    declined = Reason(ReasonCode.REJECTED, "declined", "Shop.Buy#1")
    stuck, resumed = Reason(ReasonCode.COMPENSATION_REJECTED, "gone", "Shop.Buy#1"), Reason(ReasonCode.RESUMED, "go")
    for entry in (
        bought,
        RollbackBegan(3, declined),
        SagaRecovered(4, "me"),
        SagaSuspended(5, stuck),
        SagaResumed(6, resumed),
        SagaCompensated(7),
    ):
        writer.record(entry)
        writer.persist()

    told = [append.cause for append in journal.appends]
    went_back = Cause(ReasonCode.REJECTED, "shop.v1.Shop.Buy", "declined", 3)
    waits = Cause(ReasonCode.COMPENSATION_REJECTED, "shop.v1.Shop.Buy", "gone", 5)
    assert told == [None, went_back, None, waits, went_back, None]


async def test_a_recovered_saga_goes_on_after_what_the_journal_holds() -> None:
    journal = SlowJournal()
    state = SagaState("saga-1")
    STARTED.apply(state)
    writer = SagaWriter(state, journal, RecordingObserver(), owner="me", token=8, sequence=5)
    writer.record(ended := RollbackBegan(2, Reason(ReasonCode.CANCELLED, "enough")))
    writer.persist()

    assert writer.started.done(), "it was started long ago"
    cause = Cause.of(ended.reason, "", 2)
    assert journal.appends == [Append("saga-1", "me", 8, 5, [ended], Status.COMPENSATING, None, None, cause=cause)]


async def test_nothing_to_write_is_durable_at_once() -> None:
    journal = SlowJournal()
    writer = SagaWriter(SagaState("saga-1"), journal, RecordingObserver(), owner="me", token=1, sequence=5)

    assert writer.persist().done()
    assert journal.appends == []


async def test_the_observer_is_told_what_is_durable_and_only_that() -> None:
    journal, observer = SlowJournal(), RecordingObserver()
    writer = started_writer(journal, observer)
    first = writer.persist()
    writer.record(began := RollbackBegan(2, Reason(ReasonCode.CANCELLED, "enough")))
    second = writer.persist()
    assert observer.entries == {}

    journal.written[0].set_result(None)
    await first
    assert observer.entries == {"saga-1": [STARTED]}
    assert writer.started.done()

    journal.written[1].set_exception(JournalUnavailable("the disk is full"))
    with pytest.raises(JournalUnavailable):
        await second
    assert began not in observer.entries["saga-1"]


async def test_who_started_a_saga_learns_that_its_first_entries_are_not_durable() -> None:
    journal = SlowJournal()
    writer = started_writer(journal)
    writer.persist().add_done_callback(lambda write: write.exception())
    assert not writer.started.done()
    journal.written[0].set_exception(JournalUnavailable("the disk is full"))

    with pytest.raises(JournalUnavailable):
        await writer.started


async def test_every_change_is_seen_by_who_watches() -> None:
    writer = started_writer(SlowJournal())
    seen: list[Status | None] = []
    writer.on_change = lambda: seen.append(writer.state.status)

    writer.record(RollbackBegan(2, Reason(ReasonCode.CANCELLED, "enough")))
    writer.record(SagaCompensated(3))

    assert seen == [Status.COMPENSATING, Status.COMPENSATED]


async def test_a_write_that_follows_one_in_doubt_is_in_doubt_though_the_journal_refuses_it() -> None:
    """The start comes to stand later, under the claim of this replica: nobody else would recover it."""
    journal = SlowJournal()
    writer = started_writer(journal)
    start = writer.persist()
    writer.record(RollbackBegan(2, Reason(ReasonCode.CANCELLED, "enough")))
    follows = writer.persist()

    journal.written[0].set_exception(JournalUnavailable("the connection broke"))
    journal.written[1].set_exception(ClaimLost("there is no such saga"))
    for persisted in (start, follows):
        with pytest.raises(JournalUnavailable):
            await persisted


async def test_a_claim_that_was_lost_is_told_as_lost() -> None:
    journal = SlowJournal()
    writer = started_writer(journal)
    persisted = writer.persist()

    journal.written[0].set_exception(ClaimLost("another replica has it"))
    with pytest.raises(ClaimLost):
        await persisted
