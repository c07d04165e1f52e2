"""How sagas fare over time is what a recount of the journal says, whatever was deleted or summed up since."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.cause import Cause
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.figure_sums import Failures, series, summed
from orchestrator.ports.figures import (
    DAY,
    HOUR,
    LATENCY_BOUNDS,
    MINUTE,
    STARTED,
    Counted,
    Cut,
    Step,
    SuspendedGroup,
    Window,
    latency_bucket,
)
from tests.support.journals import AT, Writing, recovered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.journal import Journal, JournalReader

BEGIN = AT // DAY * DAY
SECOND = 1_000_000_000
DECLINED = Cause(ReasonCode.REJECTED, "shop.v1.Shop.Buy", "declined", BEGIN)
LOST = Cause(ReasonCode.UNKNOWN, "shop.v1.Shop.Ship", "no answer", BEGIN)


def day(step: Step = Step.DAY, definition: str = "") -> Window:
    return Window(BEGIN, BEGIN + DAY, step, definition)


async def lived(
    journal: Journal,
    saga_id: str,
    started_at: int,
    took: int,
    *,
    status: Status = Status.COMPLETED,
    definition: str = "buy",
    cause: Cause | None = None,
) -> None:
    """A saga that starts, goes back where it has a cause, and ends."""
    writer = Writing(journal, saga_id)
    await writer.start(definition=definition, started_at=started_at)
    await writer.write(recovered(1), status=status, ended_at=started_at + took, cause=cause)


async def test_starts_and_ends_are_counted_by_the_time_definition_status_latency_and_cause(journal: Journal) -> None:
    await lived(journal, "saga-1", BEGIN + 5 * SECOND, 2 * SECOND)
    await lived(journal, "saga-2", BEGIN + 10 * SECOND, 2 * SECOND)
    await lived(journal, "saga-3", BEGIN + 50 * SECOND, 40 * SECOND, status=Status.COMPENSATED, cause=DECLINED)
    await lived(journal, "saga-4", BEGIN + MINUTE, SECOND, definition="sell", status=Status.PARTIALLY_COMPENSATED)
    await Writing(journal, "saga-5").start(definition="sell", started_at=BEGIN + MINUTE)

    two, forty, one = latency_bucket(2 * SECOND), latency_bucket(40 * SECOND), latency_bucket(SECOND)
    assert list(await journal.figures(day(Step.MINUTE))) == [
        Counted(BEGIN, "buy", STARTED, 0, "", "", 3),
        Counted(BEGIN, "buy", Status.COMPLETED, two, "", "", 2),
        Counted(BEGIN + MINUTE, "buy", Status.COMPENSATED, forty, "REJECTED", DECLINED.command, 1),
        Counted(BEGIN + MINUTE, "sell", STARTED, 0, "", "", 2),
        Counted(BEGIN + MINUTE, "sell", Status.PARTIALLY_COMPENSATED, one, "", "", 1),
    ]
    assert {each.definition for each in await journal.figures(day(definition="sell"))} == {"sell"}
    assert list(await journal.figures(Window(BEGIN + DAY, BEGIN + 2 * DAY, Step.DAY))) == []
    assert list(await journal.figures(day(definition="\0"))) == []


async def test_each_bucket_of_latencies_holds_what_the_pure_function_puts_into_it(journal: Journal) -> None:
    times = [0, -5 * SECOND, *(bound + off for bound in LATENCY_BOUNDS for off in (-1, 0))]
    for number, took in enumerate(times):
        await lived(journal, f"saga-{number}", BEGIN + 10 * SECOND, took)

    week = Window(BEGIN, BEGIN + 14 * DAY, Step.DAY)
    latencies: Counter[int] = Counter()
    for each in await journal.figures(week):
        latencies[each.latency] += each.number if each.status is Status.COMPLETED else 0
    assert {bucket: number for bucket, number in latencies.items() if number} == Counter(map(latency_bucket, times))


async def test_the_cause_that_counts_is_the_last_one_before_the_end(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start(definition="buy", started_at=BEGIN)
    await writer.write(recovered(1), status=Status.COMPENSATING, cause=LOST)
    await writer.write(recovered(2), status=Status.COMPENSATING)
    await writer.write(recovered(3), status=Status.COMPENSATED, ended_at=BEGIN + 5, cause=DECLINED)

    assert summed(await journal.figures(day())).failures == [Failures(DECLINED.command, "REJECTED", 1)]


async def test_a_saga_that_was_parked_while_it_went_back_keeps_its_cause(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=Status.COMPENSATING, cause=DECLINED)
    await writer.park(1)
    (claim,) = (await journal.claim_due("b", 10)).claims
    back = Writing(journal, owner="b", token=claim.token, sequence=writer.sequence)
    await back.write(recovered(3), status=Status.COMPENSATING)
    going_back = await journal.find(writer.saga_id)
    await back.write(recovered(4), status=Status.COMPENSATED, ended_at=AT + 9)
    ended = await journal.find(writer.saga_id)

    assert going_back is not None
    assert ended is not None
    assert going_back.cause == ended.cause == DECLINED


async def test_a_completed_saga_does_not_count_the_cause_that_had_suspended_it(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start(definition="buy", started_at=BEGIN)
    await writer.write(recovered(1), status=Status.SUSPENDED, cause=LOST)
    claim = await journal.claim_resting("a", "saga-1")
    assert claim is not None
    writer.token = claim.token
    await writer.write(recovered(2), status=Status.COMPLETED, ended_at=BEGIN + 5)

    assert summed(await journal.figures(day())).failures == []
    record = await journal.find("saga-1")
    assert record is not None
    assert record.cause is None
    assert (await journal.search(SagaFilter(failed_command=LOST.command), 10, ""))[0] == []


async def test_a_completed_child_that_is_rolled_back_counts_under_its_new_end_alone(journal: Journal) -> None:
    await lived(journal, "saga-1", BEGIN, 5)
    claim = await journal.claim_resting("b", "saga-1")
    assert claim is not None
    assert summed(await journal.figures(day())).ended == {Status.COMPLETED: 1}, "a claim alone changes nothing"
    back = Writing(journal, "saga-1", owner="b", token=claim.token, sequence=2)
    await back.write(recovered(2), status=Status.COMPENSATING, cause=DECLINED)
    assert +summed(await journal.figures(day())).ended == {}
    await back.write(recovered(3), status=Status.COMPENSATED, ended_at=BEGIN + HOUR)

    counted = await journal.figures(day(Step.HOUR))
    assert [(each.at, each.status) for each in counted] == [(BEGIN, STARTED), (BEGIN + HOUR, Status.COMPENSATED)]


async def test_a_refused_append_is_not_counted(journal: Journal) -> None:
    await lived(journal, "saga-1", BEGIN, 5)
    before = await journal.figures(day())
    for again in (Writing(journal).start(started_at=BEGIN), Writing(journal, token=9, sequence=2).end()):
        with pytest.raises(Exception, match="saga-1"):
            await again

    assert await journal.figures(day()) == before


async def test_what_is_summed_up_says_the_same_by_each_step_for_as_long_as_that_is_told(journal: Journal) -> None:
    for number, started_at in enumerate((0, MINUTE, HOUR + 1, 5 * HOUR, DAY + HOUR, 8 * DAY, 95 * DAY)):
        await lived(
            journal, f"saga-{number}", BEGIN + started_at, 3 * SECOND, cause=DECLINED, status=Status.COMPENSATED
        )
    window = Window(BEGIN, BEGIN + 100 * DAY, Step.DAY)
    before = {step: await journal.figures(window._replace(step=step)) for step in Step}

    for now in (BEGIN + 2 * HOUR, BEGIN + 9 * DAY, BEGIN + 96 * DAY):
        while await journal.sum_up(Cut.at(now)):
            pass
        for step, kept in ((Step.MINUTE, 7 * DAY), (Step.HOUR, 92 * DAY), (Step.DAY, 100 * DAY)):
            told = await journal.figures(window._replace(step=step, since=max(BEGIN, now // DAY * DAY - kept)))
            since = max(BEGIN, now // DAY * DAY - kept)
            assert told == [each for each in before[step] if each.at >= since], (now, step)
        assert summed(await journal.figures(window)) == summed(before[Step.DAY])

    late = Writing(journal, "late")
    await late.start(definition="buy", started_at=BEGIN + MINUTE)
    while await journal.sum_up(Cut.at(BEGIN + 96 * DAY)):
        pass
    assert summed(await journal.figures(window)).started == 8, "what comes late is summed up too"


@pytest.mark.parametrize("seed", range(3))
async def test_figures_agree_with_a_recount_after_any_history(journal: Journal, seed: int) -> None:
    """Sagas start and end, are deleted and are summed up, in any order; what was deleted stays counted."""
    chance, gone = random.Random(seed), Counter[tuple[object, ...]]()
    sagas: list[Writing] = []
    for number in range(160):
        if not sagas or chance.random() < 0.35:
            sagas.append(Writing(journal, f"saga-{number}"))
            started_at = BEGIN + chance.randrange(20 * HOUR)
            await sagas[-1].start(definition=chance.choice(("buy", "sell")), started_at=started_at)
        else:
            await go_on(journal, chance.choice(sagas), chance)
        if number % 20 == 19:
            gone += await delete_some(journal, chance)
            if chance.random() < 0.7:
                await journal.sum_up(Cut.at(BEGIN + chance.randrange(DAY)))
            assert counter_of(await journal.figures(day(Step.HOUR))) == gone + await recount(journal)
    assert counter_of(await journal.figures(day(Step.MINUTE))).total() == (gone + await recount(journal)).total()


async def go_on(journal: Journal, saga: Writing, chance: random.Random) -> None:
    """Move a saga to some status, if somebody may; one that rests is claimed first, and now and then only claimed."""
    record, status = await journal.find(saga.saga_id), chance.choice(list(Status))
    if record is None:
        return
    if record.status in {Status.SUSPENDED, Status.COMPLETED}:
        claim = await journal.claim_resting(saga.owner, saga.saga_id)
        assert claim is not None
        saga.token = claim.token
        if status in {Status.RUNNING, Status.COMPLETED}:
            return
    elif record.status not in {Status.RUNNING, Status.COMPENSATING}:
        return
    ended_at = record.started_at + chance.randrange(3 * HOUR) if status in ENDED else None
    fails = status not in {Status.RUNNING, Status.WAITING, Status.COMPLETED}
    cause = chance.choice((DECLINED, LOST)) if fails else None
    await saga.write(recovered(1), status=status, ended_at=ended_at, cause=cause)


async def delete_some(journal: Journal, chance: random.Random) -> Counter[tuple[object, ...]]:
    """Delete sagas as retention does; what they had counted for."""
    records = await all_of(journal)
    wanted = [record.saga_id for record in records if chance.random() < 0.3]
    deleted = set(await journal.delete_ended(wanted))
    return counter_of_records(record for record in records if record.saga_id in deleted)


async def all_of(journal: JournalReader) -> list[SagaRecord]:
    records, _ = await journal.search(SagaFilter(), 1000, "")
    return records


async def recount(journal: JournalReader) -> Counter[tuple[object, ...]]:
    return counter_of_records(await all_of(journal))


def counter_of_records(records: Iterable[SagaRecord]) -> Counter[tuple[object, ...]]:
    counter: Counter[tuple[object, ...]] = Counter()
    for record in records:
        counter[record.started_at // HOUR * HOUR, record.definition, STARTED, 0, "", ""] += 1
        if record.ended_at is not None:
            code, command = ("", "") if record.cause is None else (str(record.cause.code), record.cause.command)
            took = latency_bucket(record.ended_at - record.started_at)
            counter[record.ended_at // HOUR * HOUR, record.definition, record.status, took, code, command] += 1
    return counter


def counter_of(counted: Iterable[Counted]) -> Counter[tuple[object, ...]]:
    return Counter({(*each[:-1],): each.number for each in counted})


async def test_the_suspended_are_grouped_by_what_they_wait_for_the_oldest_first(journal: Journal) -> None:
    for number, (definition, cause) in enumerate(
        (("buy", DECLINED), ("buy", LOST), ("sell", LOST), ("buy", LOST), ("buy", DECLINED))
    ):
        writer = Writing(journal, f"saga-{number}")
        await writer.start(definition=definition)
        await writer.write(recovered(1), status=Status.SUSPENDED, cause=cause._replace(since=AT - number))
    goes_back = Writing(journal, "saga-9")
    await goes_back.start()
    await goes_back.write(recovered(1), status=Status.COMPENSATING, cause=LOST)

    assert list(await journal.suspended()) == [
        SuspendedGroup("buy", DECLINED.command, "REJECTED", 2, AT - 4),
        SuspendedGroup("buy", LOST.command, "UNKNOWN", 2, AT - 3),
        SuspendedGroup("sell", LOST.command, "UNKNOWN", 1, AT - 2),
    ]
    where = SagaFilter("buy", frozenset({Status.SUSPENDED}), failed_command=LOST.command, reason_code="UNKNOWN")
    found, token = await journal.search(where, 1, "", oldest_first=True)
    more, last = await journal.search(where, 1, token, oldest_first=True)
    assert [record.saga_id for record in (*found, *more)] == ["saga-1", "saga-3"]
    assert last == ""


async def test_a_series_has_every_step_of_its_window(journal: Journal) -> None:
    await lived(journal, "saga-1", BEGIN + HOUR, 5)
    steps = series(day(Step.HOUR), await journal.figures(day(Step.HOUR)))

    assert [at for at, _ in steps] == [BEGIN + hour * HOUR for hour in range(24)]
    assert [figures.started for _, figures in steps] == [0, 1, *([0] * 22)]


async def test_a_cause_that_is_known_is_not_missing(journal: Journal) -> None:
    await lived(journal, "saga-1", BEGIN, 5, status=Status.COMPENSATED, cause=DECLINED)
    await lived(journal, "saga-2", BEGIN, 5)

    assert await journal.without_cause(0, 10) in (([], None), ((), None))
    await journal.note_causes([("saga-1", LOST), ("nobody", LOST)])
    assert summed(await journal.figures(day())).failures == [Failures(DECLINED.command, "REJECTED", 1)]


async def test_replicas_that_end_sagas_and_sum_up_at_once_count_each_once(handles: tuple[Journal, Journal]) -> None:
    stop = asyncio.Event()

    async def write(journal: Journal, name: str) -> None:
        for number in range(60):
            started_at = BEGIN + number % 5 * HOUR
            await lived(journal, f"{name}-{number}", started_at, SECOND, status=Status.COMPENSATED, cause=DECLINED)

    async def sum_up(journal: Journal) -> None:
        while not stop.is_set():
            await journal.sum_up(Cut.at(BEGIN + 8 * HOUR))
            await asyncio.sleep(0)

    summing = [asyncio.ensure_future(sum_up(handle)) for handle in handles]
    await asyncio.gather(*(write(handle, name) for handle, name in zip(handles, "ab", strict=True)))
    stop.set()
    await asyncio.gather(*summing)

    for handle in handles:
        for step in Step:
            figures = summed(await handle.figures(day(step)))
            assert (figures.started, figures.ended) == (120, {Status.COMPENSATED: 120})
            assert figures.failures == [Failures(DECLINED.command, "REJECTED", 120)]
