"""A business moves from a file to PostgreSQL: every entry of every saga, once, and nobody advances one too early."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import Effect
from orchestrator.errors import JournalsDiffer, JournalUnavailable, SagaDeleted, ScheduleExists, SettingsError
from orchestrator.journal.actor import Actor
from orchestrator.journal.cause import Cause
from orchestrator.journal.entries import CommandIntended, RollbackBegan
from orchestrator.journal.state import Status
from orchestrator.ports.bulk_acts import Answer, BulkStatus
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.outbox import BlockedSaga, SinkProgress
from orchestrator.store.copying import journals
from orchestrator.store.copying.journals import copy_journal
from orchestrator.store.copying.sagas import OWNER, CopyProgress
from orchestrator.store.memory.journal import MemoryJournal, MemoryState
from orchestrator.store.opening import open_store
from orchestrator.store.sqlite.locking import JournalLock
from tests.golden.journal_file import FILE
from tests.support.bulk_acts import bulk_act, sagas
from tests.support.journals import AT, ATTRIBUTES, EVERY_ENTRY, REASON, Writing, recovered, told
from tests.support.postgres import set_store_clock
from tests.support.schedules import schedule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.claims import Claim, DueClaims
    from orchestrator.ports.journal import Journal

    Both = tuple[Journal, Journal]

SAGAS = 130
FAR = 2**62
"""No clock shows this."""


@pytest.fixture
async def both(tmp_path: Path, postgres_url: str) -> AsyncIterator[Both]:
    """A file with sagas in every status, and an empty database."""
    async with AsyncExitStack() as opened:
        journals = [await open_store(url) for url in (f"sqlite:{tmp_path}/journal.db", postgres_url)]
        for journal in journals:
            opened.push_async_callback(journal.close)
        await fill(journals[0])
        yield journals[0], journals[1]


@pytest.fixture
def let_lease_lapse(postgres_url: str) -> Callable[[], None]:
    return lambda: set_store_clock(postgres_url, ahead=2 * 86_400)


async def fill(journal: Journal) -> None:
    chance = random.Random(7)
    for number in range(SAGAS):
        writer = Writing(journal, f"saga-{number * 7 % SAGAS}")
        await writer.start(
            *(EVERY_ENTRY if number % 50 == 0 else EVERY_ENTRY[:1]),
            definition=chance.choice(("buy", "sell")),
            digest=bytes([number]),
            started_at=AT + chance.randrange(1000),
            attributes=ATTRIBUTES if number % 3 else (),
        )
        status = chance.choice(list(Status))
        if status in {Status.COMPLETED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED}:
            await writer.end(status)
        else:
            wake_at = chance.choice((None, AT, FAR)) if status is Status.WAITING else None
            await writer.write(recovered(number), status=status, wake_at=wake_at)


def ignored(_progress: CopyProgress) -> None:
    """Nobody is told."""


async def everything(journal: Journal) -> list[object]:
    records, _ = await journal.search(SagaFilter(), 10_000, "")
    return [(record, await journal.read(record.saga_id)) for record in records]


async def test_the_new_journal_holds_what_the_old_one_does_in_the_same_order(both: Both) -> None:
    source, target = both
    told: list[CopyProgress] = []
    before = await everything(source)

    assert await copy_journal(source, target, told.append) == CopyProgress(SAGAS, SAGAS, 0, SAGAS)
    assert await everything(target) == before == await everything(source)
    assert list(await target.count()) == list(await source.count())
    assert told[0].copied < SAGAS
    assert told[-1] == CopyProgress(SAGAS, SAGAS, 0, SAGAS)


async def test_what_can_go_on_is_claimed_once_the_copy_is_through_and_not_before(both: Both) -> None:
    source, target = both
    claims: list[asyncio.Task[list[Claim]]] = []
    await asyncio.gather(*(target.count() for _ in range(4)))  # so that no claim waits until a connection is made

    def claim_early(_progress: CopyProgress) -> None:
        claims.append(asyncio.create_task(target.claim_unfinished("early", 1000)))

    await copy_journal(source, target, claim_early)
    early = await asyncio.gather(*claims[:-1])
    assert early == [[]] * (len(claims) - 1)

    mine = {claim.saga_id for claim in [*await target.claim_unfinished("late", 1000), *await claims[-1]]}
    assert mine == {claim.saga_id for claim in await source.claim_unfinished("late", 1000)}
    assert await target.silent() == []


async def test_a_parked_saga_is_woken_once_the_copy_is_through_and_not_before(both: Both) -> None:
    source, target = both
    claims: list[asyncio.Task[DueClaims]] = []

    def claim_early(progress: CopyProgress) -> None:
        if not progress.compared:
            claims.append(asyncio.create_task(target.claim_due("early", 1000)))

    await copy_journal(source, target, claim_early)
    assert [due.claims for due in await asyncio.gather(*claims)] == [[], []]

    late = [await journal.claim_due("late", 1000) for journal in (source, target)]
    there, here = ({claim.saga_id for claim in due.claims} for due in late)
    assert there
    assert there == here


async def test_a_saga_that_is_parked_while_it_goes_back_keeps_its_cause(both: Both) -> None:
    source, target = both
    cause = Cause.of(REASON, "shop.v1.Shop.Buy", AT + 5)
    intent = CommandIntended(AT + 1, REASON.step_key, cause.command, Effect.COMPENSABLE, b"")
    writer = Writing(source, "goes-back")
    await writer.start(EVERY_ENTRY[0], intent, RollbackBegan(AT + 5, REASON), definition="goes_back")
    await writer.write(recovered(3), status=Status.COMPENSATING, cause=cause)
    await writer.park(AT)

    await copy_journal(source, target, ignored)
    claims = (await target.claim_due("late", 1000, [("goes_back", 1)])).claims
    back = Writing(target, "goes-back", "late", claims[0].token, writer.sequence)
    await back.write(recovered(5), status=Status.COMPENSATED, ended_at=AT + 9)

    ended = await target.find("goes-back")
    assert ended is not None
    assert ended.cause == cause


async def test_a_queued_saga_keeps_its_place_in_the_queue(both: Both) -> None:
    source, target = both
    for saga_id, turn_at in (("second", 8), ("first", 7)):
        await Writing(source, saga_id).start(definition="order", turn_at=turn_at)

    await copy_journal(source, target, ignored)

    assert await target.queued() == await source.queued()
    assert [claim.saga_id for claim in await target.claim_queued("late", {"order": 1})] == ["first"]


async def test_a_parked_saga_that_a_replica_of_the_new_journal_has_claimed_before_is_told(
    both: Both, let_lease_lapse: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = both
    find_each = source.find_each

    async def claimed_before(saga_ids: Sequence[str]) -> list[SagaRecord]:
        let_lease_lapse()
        await target.claim_unfinished("hasty", 1000)
        return await find_each(saga_ids)

    monkeypatch.setattr(source, "find_each", claimed_before)
    with pytest.raises(JournalsDiffer, match="it is parked, and a replica of the new journal has claimed it before"):
        await copy_journal(source, target, ignored)


async def test_what_was_deleted_in_the_old_journal_is_not_started_in_the_new_one(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_PAGE", 2)
    source, target = both
    page = await source.ended(0, SAGAS)
    deleted = await source.delete_ended([saga.saga_id for saga in page.sagas[:5]])
    assert len(deleted) == 5

    await copy_journal(source, target, ignored)
    assert await target.tombstones(b"", 10) == await source.tombstones(b"", 10)
    with pytest.raises(SagaDeleted):
        await Writing(target, deleted[0]).start()


async def test_a_copy_that_is_repeated_copies_nothing_twice(both: Both) -> None:
    source, target = both
    await copy_journal(source, target, ignored)
    before = await everything(target)

    assert await copy_journal(source, target, ignored) == CopyProgress(SAGAS, 0, SAGAS, SAGAS)
    assert await everything(target) == before


async def test_a_copy_that_was_interrupted_goes_on_and_until_then_nobody_has_its_sagas(both: Both) -> None:
    source, target = both

    def interrupt(progress: CopyProgress) -> None:
        if progress.copied == 100:
            raise JournalUnavailable("the connection broke")

    with pytest.raises(JournalUnavailable):
        await copy_journal(source, target, interrupt)
    assert await target.claim_unfinished("early", 1000) == []

    assert await copy_journal(source, target, ignored) == CopyProgress(SAGAS, 30, 100, SAGAS)
    assert await everything(target) == await everything(source)


async def test_a_saga_that_a_replica_has_taken_further_already_is_no_difference(both: Both) -> None:
    source, target = both
    await copy_journal(source, target, ignored)
    (claim,) = await target.claim_unfinished("a", 1)
    record = await target.find(claim.saga_id)
    assert record is not None
    await Writing(target, claim.saga_id, token=claim.token, sequence=record.sequence).end()

    assert (await copy_journal(source, target, ignored)).compared == SAGAS


@pytest.mark.parametrize("what", ["an entry", "the start", "the status"])
async def test_a_saga_of_which_the_new_journal_holds_something_else_is_told_and_nothing_is_let_go_of(
    both: Both, what: str
) -> None:
    source, target = both
    (record, *_), _ = await source.search(SagaFilter(statuses=frozenset({Status.SUSPENDED})), 1, "")
    entries = await source.read(record.saga_id)
    other = Writing(target, record.saga_id, owner=OWNER)
    await other.start(
        *(entries if what != "an entry" else [*entries[:-1], recovered(99)]),
        definition=record.definition,
        digest=b"another" if what == "the start" else record.digest,
        started_at=record.started_at,
        attributes=record.attributes,
    )

    with pytest.raises(JournalsDiffer, match=f"differ about saga {record.saga_id}: ") as refused:
        await copy_journal(source, target, ignored)
    assert refused.value.saga_id == record.saga_id
    assert await target.claim_unfinished("early", 1000) == []


async def test_a_journal_that_others_may_write_is_not_copied(both: Both) -> None:
    with pytest.raises(SettingsError, match="one process has for itself"):
        await copy_journal(MemoryJournal(state=MemoryState()), both[1], ignored)


async def test_a_journal_that_an_earlier_version_has_left_behind_moves_as_well(
    tmp_path: Path, postgres_url: str
) -> None:
    shutil.copy(FILE, tmp_path / "left_behind.db")
    source, target = await open_store(f"sqlite:{tmp_path}/left_behind.db"), await open_store(postgres_url)
    await copy_journal(source, target, ignored)

    assert await everything(target) == await everything(source)
    await source.close()
    await target.close()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "orchestrator", *arguments]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_the_command_copies_tells_how_far_it_is_and_what_to_do_next(tmp_path: Path, postgres_url: str) -> None:
    shutil.copy(FILE, tmp_path / "left_behind.db")
    source = f"sqlite:{tmp_path}/left_behind.db"
    done = command("journal", "copy", "--from", source, "--to", postgres_url)
    again = command("journal", "copy", "--from", source, "--to", postgres_url)

    assert (done.returncode, again.returncode) == (0, 0), done.stderr + again.stderr
    assert "6 of 6 sagas are there, 0 compared" in done.stderr
    assert "6 sagas copied, 0 had been there; every entry of 6 is the same" in done.stderr
    assert "no sagas copied, 6 had been there; every entry of 6 is the same" in again.stderr


def test_the_command_refuses_a_journal_that_is_not_there_or_is_in_use(tmp_path: Path, postgres_url: str) -> None:
    absent = command("journal", "copy", "--from", f"sqlite:{tmp_path}/absent.db", "--to", postgres_url)
    with closing(JournalLock(tmp_path / "used.db")):
        used = command("journal", "copy", "--from", f"sqlite:{tmp_path}/used.db", "--to", postgres_url)

    assert (absent.returncode, used.returncode) == (1, 1)
    assert f"there is no journal {tmp_path}/absent.db" in absent.stderr
    assert not (tmp_path / "absent.db").exists()
    assert "in use by another orchestrator; stop that one" in used.stderr


def test_migrate_shows_what_is_missing_and_applies_it(tmp_path: Path, postgres_url: str) -> None:
    shutil.copy(FILE, tmp_path / "left_behind.db")
    for url in (postgres_url, f"sqlite:{tmp_path}/left_behind.db"):
        shown, applied, after = (command("migrate", "--journal", url, *dry) for dry in (["--dry-run"], [], []))
        names = [line.removeprefix("missing: ") for line in shown.stderr.splitlines() if "missing: " in line]

        assert names
        assert [line for line in applied.stderr.splitlines() if "applied" in line] == [f"applied: {n}" for n in names]
        assert after.stderr.startswith("the journal has schema ")


async def test_schedules_move_with_their_identity_and_what_was_copied_before_stays_as_it_is(both: Both) -> None:
    source, target = both
    for number in range(3):
        await source.create_schedule(schedule(number, next_at=FAR))
    await copy_journal(source, target, ignored)
    copied = await target.list_schedules("", 10)
    assert copied == await source.list_schedules("", 10)

    assert await target.replace_schedule(replace(copied[0], created_by=Actor("bob")))
    await copy_journal(source, target, ignored)
    assert (await target.list_schedules("", 10))[0].created_by == Actor("bob")


async def test_bulk_acts_move_with_their_sagas_and_what_was_copied_before_stays_as_it_is(both: Both) -> None:
    source, target = both
    for number in range(3):
        await source.create_bulk_act(bulk_act(number, status=BulkStatus.RUNNING))
        await source.add_bulk_sagas(bulk_act(number).bulk_id, sagas(number, Answer.ALLOWED))
    await copy_journal(source, target, ignored)

    copied = await target.list_bulk_acts("", 10)
    assert [replace(each, revision=1) for each in copied] == list(await source.list_bulk_acts("", 10))
    for number in range(3):
        assert await target.bulk_sagas(bulk_act(number).bulk_id, 0, 10) == sagas(number, Answer.ALLOWED)
    assert await target.note_bulk_act(replace(copied[0], status=BulkStatus.ENDED))
    await copy_journal(source, target, ignored)
    assert (await target.list_bulk_acts("", 10))[0].status is BulkStatus.ENDED


async def test_a_bulk_act_whose_copy_was_interrupted_is_copied_to_its_end(both: Both) -> None:
    source, target = both
    await source.create_bulk_act(bulk_act(1, status=BulkStatus.RUNNING))
    await source.add_bulk_sagas(bulk_act(1).bulk_id, sagas(4))
    await target.create_bulk_act(bulk_act(1, status=BulkStatus.FREEZING))
    await target.add_bulk_sagas(bulk_act(1).bulk_id, sagas(2))

    await copy_journal(source, target, ignored)

    assert await target.bulk_sagas(bulk_act(1).bulk_id, 0, 10) == sagas(4)
    assert [each.status for each in (await target.due_bulk_acts(10)).acts] == [BulkStatus.RUNNING]


async def test_another_schedule_of_the_same_name_is_not_overwritten(both: Both) -> None:
    source, target = both
    await source.create_schedule(schedule(1))
    await target.create_schedule(replace(schedule(2), name="schedule-1"))

    with pytest.raises(ScheduleExists, match="has another schedule 'schedule-1'"):
        await copy_journal(source, target, ignored)


async def test_events_that_some_sink_was_not_told_of_are_told_in_the_new_journal(both: Both) -> None:
    source, target = both
    for number in (1, 2, 3):
        await Writing(source, f"telling-{number}").start(outbox=[told(number, f"telling-{number}")])
    claim = await source.claim_sink("billing", "gone", 1)
    assert claim is not None
    await source.note_progress("billing", claim.token, SinkProgress(1))

    await copy_journal(source, target, lambda _: None)
    await copy_journal(source, target, lambda _: None)

    assert [kept.event for kept in await target.events(0, 99)] == [told(2, "telling-2"), told(3, "telling-3")]


async def test_an_event_of_a_blocked_saga_is_not_left_behind(both: Both) -> None:
    source, target = both
    await Writing(source, "telling").start(outbox=[told(1, "telling"), told(2, "telling")])
    claim = await source.claim_sink("billing", "gone", 1)
    assert claim is not None
    await source.note_progress("billing", claim.token, SinkProgress(2, [BlockedSaga("telling", 1, 1, AT, AT, "500")]))

    await copy_journal(source, target, lambda _: None)

    assert [kept.event for kept in await target.events(0, 99)] == [told(1, "telling"), told(2, "telling")]
