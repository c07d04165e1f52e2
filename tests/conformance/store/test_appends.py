"""What is appended is read again, in order, whole or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost, SagaExists, SequenceConflict
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaRecord
from orchestrator.ports.journal import NewSaga
from tests.support.journals import AT, ATTRIBUTES, EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal


async def test_every_kind_of_entry_is_read_as_it_was_written(journal: Journal) -> None:
    await Writing(journal).start(*EVERY_ENTRY)

    assert await journal.read("saga-1") == list(EVERY_ENTRY)


async def test_appends_one_after_another_are_read_in_order(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    for number in range(1, 6):
        await writer.write(recovered(number), recovered(-number))

    expected = [entry for number in range(1, 6) for entry in (recovered(number), recovered(-number))]
    assert await journal.read("saga-1") == [EVERY_ENTRY[0], *expected]


async def test_appends_in_flight_at_once_keep_the_order_of_their_calls(journal: Journal) -> None:
    pens = [Writing(journal, f"saga-{number}") for number in range(20)]
    in_flight = [writer.start() for writer in pens]
    in_flight += [writer.write(recovered(number)) for number in range(10) for writer in pens]
    await asyncio.gather(*in_flight)

    for writer in pens:
        assert await journal.read(writer.saga_id) == [EVERY_ENTRY[0], *map(recovered, range(10))]


async def test_a_saga_that_nobody_started_has_no_entries_and_no_record(journal: Journal) -> None:
    assert await journal.read("nobody") == []
    assert await journal.find("nobody") is None


async def test_a_saga_is_listed_as_it_was_started(journal: Journal) -> None:
    await Writing(journal).start(definition="sell", digest=b"\x00\xff", attributes=ATTRIBUTES)

    assert await journal.find("saga-1") == SagaRecord(
        saga_id="saga-1",
        definition="sell",
        version=1,
        status=Status.RUNNING,
        digest=b"\x00\xff",
        started_at=AT,
        ended_at=None,
        attributes=ATTRIBUTES,
        sequence=1,
    )


async def test_a_saga_is_listed_with_its_latest_status_and_end(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=Status.COMPENSATING)
    record = await journal.find("saga-1")
    assert record is not None
    assert (record.status, record.sequence, record.ended_at) == (Status.COMPENSATING, 2, None)

    await writer.end(Status.COMPENSATED)
    record = await journal.find("saga-1")
    assert record is not None
    assert (record.status, record.sequence, record.ended_at) == (Status.COMPENSATED, 3, AT + 99)


async def test_a_saga_can_start_and_end_in_one_commit(journal: Journal) -> None:
    writer = Writing(journal)
    started = writer.start()
    ended = writer.end()
    await asyncio.gather(started, ended)

    record = await journal.find("saga-1")
    assert record is not None
    assert record.status is Status.COMPLETED


@pytest.mark.parametrize("end", [Status.COMPLETED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED])
async def test_a_saga_that_starts_and_ends_in_one_append_is_nobodys(journal: Journal, end: Status) -> None:
    writer = Writing(journal)
    await writer.write(EVERY_ENTRY[0], status=end, ended_at=AT + 7, new=NewSaga("buy", 1, b"", AT, ()))

    record = await journal.find("saga-1")
    assert record is not None
    assert (record.status, record.ended_at, record.sequence) == (end, AT + 7, 1)
    assert await journal.claimed("a") == []
    with pytest.raises(ClaimLost):
        await writer.write(recovered(1), status=end, ended_at=AT + 8)


@pytest.mark.parametrize("claims_anew", [False, True])
async def test_a_saga_is_listed_as_running_again_after_another_claimable_status(
    journal: Journal, *, claims_anew: bool
) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1), status=Status.COMPENSATING)
    if claims_anew:
        (claim,) = await journal.claim_unfinished("a", 10)
        writer.token = claim.token
    await writer.write(recovered(2), status=Status.RUNNING)
    await writer.write(recovered(3), status=Status.RUNNING)

    record = await journal.find("saga-1")
    assert record is not None
    assert (record.status, record.sequence) == (Status.RUNNING, 4)


async def test_an_append_changes_of_the_record_its_status_and_its_length_alone(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start(attributes=ATTRIBUTES)
    before = await journal.find("saga-1")
    assert before is not None
    await writer.write(recovered(1), status=Status.WAITING)

    assert await journal.find("saga-1") == replace(before, status=Status.WAITING, sequence=2)


async def test_a_start_of_a_saga_that_exists_is_told_so_wherever_it_believes_to_be(journal: Journal) -> None:
    await Writing(journal).start()

    for sequence in (0, 1, 7):
        with pytest.raises(SagaExists) as refusal:
            await Writing(journal, sequence=sequence).start()
        assert refusal.value.saga_id == "saga-1"
    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]


async def test_a_refused_append_is_told_apart_from_a_store_that_cannot_be_used(journal: Journal) -> None:
    """A replica that lost a claim stops; one that meets an unavailable store tries again."""
    await Writing(journal).start()
    refused = [
        Writing(journal, owner="b", sequence=1).write(recovered(1)),
        Writing(journal, token=2, sequence=1).write(recovered(1)),
        Writing(journal, "nobody").write(recovered(1)),
        Writing(journal, sequence=2).write(recovered(1)),
        Writing(journal).start(),
    ]

    kinds = [type(error) for error in await asyncio.gather(*refused, return_exceptions=True)]
    assert kinds == [ClaimLost, ClaimLost, ClaimLost, SequenceConflict, SagaExists]


async def test_the_lost_claim_is_told_before_the_wrong_place(journal: Journal) -> None:
    """A replica that lost its claim does not know the journal's end, and must not be told to look for it."""
    await Writing(journal).start()

    with pytest.raises(ClaimLost):
        await Writing(journal, owner="b", sequence=9).write(recovered(1))


async def test_a_saga_id_is_started_once(journal: Journal) -> None:
    await Writing(journal).start(digest=b"first")

    with pytest.raises(SagaExists):
        await Writing(journal, owner="b").start(digest=b"second")

    record = await journal.find("saga-1")
    assert record is not None
    assert (record.digest, record.sequence) == (b"first", 1)


async def test_of_two_starts_at_once_the_first_wins(journal: Journal) -> None:
    first, second = Writing(journal).start(digest=b"first"), Writing(journal, owner="b").start(digest=b"second")

    assert [type(end) for end in await asyncio.gather(first, second, return_exceptions=True)] == [
        type(None),
        SagaExists,
    ]
    record = await journal.find("saga-1")
    assert record is not None
    assert record.digest == b"first"


async def test_an_append_at_another_place_than_the_end_writes_nothing(journal: Journal) -> None:
    await Writing(journal).start()

    for sequence in (0, 2):
        with pytest.raises(SequenceConflict):
            await Writing(journal, sequence=sequence).write(recovered(1), status=Status.COMPENSATING)

    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]
    record = await journal.find("saga-1")
    assert record is not None
    assert (record.status, record.sequence) == (Status.RUNNING, 1)


async def test_a_start_that_believes_in_earlier_entries_starts_nothing(journal: Journal) -> None:
    with pytest.raises(SequenceConflict):
        await Writing(journal, sequence=3).start()

    assert await journal.find("saga-1") is None


async def test_an_append_after_a_failed_one_is_refused_too_so_no_gap_comes_into_being(journal: Journal) -> None:
    await Writing(journal).start()
    writer = Writing(journal, sequence=5)
    failed, following = writer.write(recovered(1)), writer.write(recovered(2))

    ends = await asyncio.gather(failed, following, return_exceptions=True)
    assert [type(end) for end in ends] == [SequenceConflict, SequenceConflict]
    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]


@pytest.mark.parametrize(("owner", "token"), [("b", 1), ("a", 0), ("a", 2), ("b", 2)])
async def test_an_append_without_the_claim_writes_nothing(journal: Journal, owner: str, token: int) -> None:
    await Writing(journal).start()

    with pytest.raises(ClaimLost):
        await Writing(journal, owner=owner, token=token, sequence=1).write(recovered(1))

    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]


async def test_an_append_to_a_saga_that_does_not_exist_writes_nothing(journal: Journal) -> None:
    with pytest.raises(ClaimLost):
        await Writing(journal, "nobody").write(recovered(1))

    assert await journal.find("nobody") is None


@pytest.mark.parametrize("end", [Status.COMPLETED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED])
async def test_nothing_is_appended_to_an_ended_saga(journal: Journal, end: Status) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.end(end)

    with pytest.raises(ClaimLost):
        await writer.write(recovered(1), status=end, ended_at=AT)
    assert len(await journal.read("saga-1")) == 2


async def test_a_refused_append_disturbs_no_other_of_its_group(journal: Journal) -> None:
    taken = Writing(journal, "taken")
    await taken.start()
    good = [Writing(journal, f"good-{number}") for number in range(4)]
    ends = await asyncio.gather(
        good[0].start(),
        Writing(journal, "taken", owner="b").start(attributes=ATTRIBUTES),
        good[1].start(),
        Writing(journal, "taken", owner="b", sequence=1).write(recovered(1)),
        good[2].start(),
        Writing(journal, "taken", sequence=7).write(recovered(1)),
        good[3].start(attributes=ATTRIBUTES),
        taken.write(recovered(2)),
        return_exceptions=True,
    )

    nothing = type(None)
    assert [type(end) for end in ends] == [
        nothing, SagaExists, nothing, ClaimLost, nothing, SequenceConflict, nothing, nothing,
    ]  # fmt: skip
    assert await journal.read("taken") == [EVERY_ENTRY[0], recovered(2)]
    for writer in good:
        assert await journal.read(writer.saga_id) == [EVERY_ENTRY[0]]


async def test_an_append_whose_caller_went_away_stands(journal: Journal) -> None:
    writer = Writing(journal)
    writer.start().cancel()
    await writer.write(recovered(1))

    assert await journal.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]


async def test_an_append_without_entries_changes_the_status_alone(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.write(status=Status.COMPENSATING)
    await writer.write(recovered(1), status=Status.COMPENSATING)
    await writer.write(status=Status.WAITING)

    record = await journal.find("saga-1")
    assert record is not None
    assert (record.status, record.sequence) == (Status.WAITING, 2)
    assert await journal.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]
