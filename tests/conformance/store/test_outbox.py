"""The outbox: an event stands if and only if its cause stands; each sink is told by one relay at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost
from orchestrator.ports.outbox import BlockedSaga, DeadLetter, KeptEvent, SinkProgress
from tests.support.journals import AT, Writing, recovered, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass, Open

MINUTE = 60 * 1_000_000_000
BLOCKED = BlockedSaga("saga-1", 2, 3, AT, AT + MINUTE, "500: ça va\x00pas")
DEAD = DeadLetter(1, "saga-1", 9, AT, AT + MINUTE, "410: gone")


async def tell(journal: Journal, number: int, *, saga_id: str = "saga-1") -> None:
    """Have a saga tell so many events, one with each append; they have been read."""
    writing = Writing(journal, saga_id)
    await writing.start(outbox=[told(1, saga_id)])
    for each in range(2, number + 1):
        await writing.write(recovered(each), outbox=[told(each, saga_id)])
    await journal.events(0, 1)


def events(kept: Sequence[KeptEvent]) -> list[OutboxEvent]:
    return [each.event for each in kept]


async def test_events_are_found_as_they_were_told_and_in_that_order(journal: Journal) -> None:
    writing = Writing(journal)
    await writing.start(outbox=[told(1), told(2)])
    await writing.write(recovered(1))
    await writing.write(recovered(2), outbox=[told(3)])

    assert await journal.events(0, 9) == [KeptEvent(number, told(number)) for number in (1, 2, 3)]
    assert events(await journal.events(1, 1)) == [told(2)]
    assert events(await journal.events(0, 9, until=2)) == [told(1), told(2)]


async def test_events_of_appends_that_are_written_together_keep_their_order(journal: Journal) -> None:
    sagas = [Writing(journal, f"saga-{number}") for number in range(20)]
    started = [saga.start(outbox=[told(1, saga.saga_id)]) for saga in sagas]
    more = [saga.write(recovered(2), outbox=[told(2, saga.saga_id), told(3, saga.saga_id)]) for saga in sagas]
    await asyncio.gather(*started, *more)

    assert len(await journal.events(0, 100)) == 60
    for saga in sagas:
        found = await journal.events(0, 100, saga_id=saga.saga_id)
        assert events(found) == [told(number, saga.saga_id) for number in (1, 2, 3)]


async def test_a_refused_append_tells_nothing(journal: Journal) -> None:
    writing = Writing(journal)
    await writing.start(outbox=[told(1)])
    refused = Writing(journal, token=2, sequence=1)

    with pytest.raises(ClaimLost):
        await refused.write(recovered(1), outbox=[told(2)])

    await writing.write(recovered(1), outbox=[told(3)])
    assert events(await journal.events(0, 9)) == [told(1), told(3)]


async def test_a_sink_begins_with_the_oldest_event_and_goes_on_where_it_was(journal: Journal) -> None:
    await tell(journal, 3)
    claim = await journal.claim_sink("nats", "a", MINUTE)
    assert claim is not None
    assert (claim.position, claim.has_blocked, list(claim.retried)) == (0, False, [])

    assert await journal.note_progress("nats", claim.token, SinkProgress(2))

    again = await journal.claim_sink("nats", "a", MINUTE)
    assert again is not None
    assert (again.position, again.token) == (2, claim.token)


async def test_one_relay_at_a_time_has_a_sink_until_it_falls_silent(journal: Journal, let_pass: LetPass) -> None:
    first = await journal.claim_sink("nats", "a", MINUTE)
    assert first is not None
    assert await journal.claim_sink("nats", "b", MINUTE) is None
    assert await journal.claim_sink("webhook", "b", MINUTE) is not None

    let_pass(61)
    second = await journal.claim_sink("nats", "b", MINUTE)

    assert second is not None
    assert second.token > first.token
    assert not await journal.note_progress("nats", first.token, SinkProgress(1)), "a lost claim writes nothing"
    assert await journal.note_progress("nats", second.token, SinkProgress(0))


async def test_a_claim_that_lapsed_is_another_one_also_for_who_had_it(journal: Journal, let_pass: LetPass) -> None:
    first = await journal.claim_sink("nats", "a", MINUTE)
    let_pass(61)
    second = await journal.claim_sink("nats", "a", MINUTE)

    assert first is not None
    assert second is not None
    assert second.token > first.token


async def test_a_released_sink_is_free_at_once(journal: Journal) -> None:
    await journal.claim_sink("nats", "a", MINUTE)
    await journal.release_sink("nats", "b")
    assert await journal.claim_sink("nats", "b", MINUTE) is None

    await journal.release_sink("nats", "a")
    assert await journal.claim_sink("nats", "b", MINUTE) is not None


async def test_what_was_not_taken_is_found_again_by_the_next_relay(journal: Journal) -> None:
    await tell(journal, 3)
    claim = await journal.claim_sink("nats", "a", MINUTE)
    assert claim is not None
    assert await journal.note_progress("nats", claim.token, SinkProgress(3, [BLOCKED], dead=[DEAD]))
    await journal.release_sink("nats", "a")

    found = await journal.claim_sink("nats", "b", MINUTE)

    assert found is not None
    assert found.has_blocked
    for blocked in (
        await journal.waiting_sagas("nats", BLOCKED.due_at, 9),
        await journal.blocked_sagas("nats", ["saga-1"]),
    ):
        assert [each._replace(error="") for each in blocked] == [BLOCKED._replace(error="")]
    assert await journal.dead_letters("nats", 0, 9) == [DEAD]
    assert await journal.dead_letters("nats", 1, 9) == []
    assert list(found.retried) == []
    freed = SinkProgress(3, freed=["saga-1"], revived=[1])
    assert await journal.note_progress("nats", found.token, freed)
    emptied = await journal.claim_sink("nats", "b", MINUTE)
    assert emptied is not None
    assert not emptied.has_blocked
    assert await journal.blocked_sagas("nats", ["saga-1"]) == []
    assert not await journal.dead_letters("nats", 0, 9)


async def test_blocked_sagas_are_found_by_their_ids_and_by_when_they_are_due(journal: Journal) -> None:
    claims = {name: await journal.claim_sink(name, "a", MINUTE) for name in ("nats", "webhook")}
    late, early, same, new = (
        BlockedSaga("saga-1", 2, 1, AT, AT + 9, "500"),
        BlockedSaga("saga-2", 4, 1, AT, AT + 5, "500"),
        BlockedSaga("saga/ünï", 3, 2, AT, AT + 5, "500"),
        BlockedSaga("saga-4", 9, 0, AT + 7, AT + 7, ""),
    )
    for name, blocked in (("nats", [late, early, same, new]), ("webhook", [late._replace(position=1)])):
        claim = claims[name]
        assert claim is not None
        assert await journal.note_progress(name, claim.token, SinkProgress(9, blocked))

    assert await journal.waiting_sagas("nats", AT + 9, 9) == [new, same, early, late]
    assert await journal.waiting_sagas("nats", AT + 8, 2) == [new, same]
    assert await journal.waiting_sagas("nats", AT + 6, 9) == [same, early]
    assert set(await journal.blocked_sagas("nats", ["saga-1", "saga/ünï", "saga-9"])) == {late, same}
    assert await journal.blocked_sagas("webhook", ["saga-2"]) == await journal.waiting_sagas("other", AT + 9, 9) == []


async def test_dead_letters_are_tried_again_where_somebody_asks_for_that(journal: Journal) -> None:
    await tell(journal, 3)
    claim = await journal.claim_sink("nats", "a", MINUTE)
    assert claim is not None
    dead = [DEAD._replace(position=position) for position in (1, 2, 3)]
    await journal.note_progress("nats", claim.token, SinkProgress(3, dead=dead))

    assert await journal.retry_dead_letters("nats", [2, 7]) == 1
    retried = await journal.claim_sink("nats", "a", MINUTE)
    assert retried is not None
    assert [each.position for each in retried.retried] == [2]
    assert await journal.retry_dead_letters("nats", []) == 3
    assert await journal.retry_dead_letters("webhook", []) == 0


async def test_a_replay_tells_all_after_a_position_once_more_and_ends_the_claim(journal: Journal) -> None:
    await tell(journal, 3)
    claim = await journal.claim_sink("nats", "a", MINUTE)
    assert claim is not None
    await journal.note_progress("nats", claim.token, SinkProgress(3, [BLOCKED], dead=[DEAD]))

    assert await journal.replay("nats", 1)
    assert not await journal.replay("webhook", 1)

    assert not await journal.note_progress("nats", claim.token, SinkProgress(3))
    again = await journal.claim_sink("nats", "b", MINUTE)
    assert again is not None
    assert (again.position, again.has_blocked) == (1, False), "what waited comes again by itself"
    assert await journal.dead_letters("nats", 0, 9) == [DEAD]
    assert events(await journal.events(again.position, 9)) == [told(2), told(3)]


async def test_a_replay_beyond_the_newest_event_skips_none_that_is_yet_to_come(journal: Journal) -> None:
    await tell(journal, 2)
    await journal.events(0, 9)
    await journal.claim_sink("nats", "a", MINUTE)

    await journal.replay("nats", 1_000)

    claim = await journal.claim_sink("nats", "a", MINUTE)
    assert claim is not None
    assert claim.position == 2


async def test_a_position_is_found_by_its_time(journal: Journal) -> None:
    for number in (1, 2, 3):
        await Writing(journal, f"saga-{number}").start(outbox=[told(number, at=AT + number * MINUTE)])
    await journal.events(0, 9)

    assert await journal.position_at(AT) == 0
    assert await journal.position_at(AT + 2 * MINUTE) == 1
    assert await journal.position_at(AT + 9 * MINUTE) == 3


async def test_how_far_each_sink_was_told_is_shown(journal: Journal) -> None:
    await tell(journal, 3)
    await journal.events(0, 9)
    claim = await journal.claim_sink("nats", "a", MINUTE)
    await journal.claim_sink("webhook", "b", MINUTE)
    assert claim is not None
    failing = SinkProgress(2, [BLOCKED], dead=[DEAD], failing_since=AT + 5, error="nobody there")
    await journal.note_progress("nats", claim.token, failing)

    nats, webhook = await journal.sinks()

    assert (nats.name, nats.position, nats.owner, nats.behind, nats.oldest_at) == ("nats", 2, "a", 1, AT)
    assert (nats.blocked, nats.dead, nats.failing_since, nats.error) == (1, 1, AT + 5, "nobody there")
    assert (webhook.name, webhook.behind, webhook.failing_since, webhook.error) == ("webhook", 3, None, "")


async def test_old_events_are_deleted_once_every_sink_has_been_told_of_them(journal: Journal) -> None:
    for number in range(1, 6):
        await Writing(journal, f"saga-{number}").start(outbox=[told(number, f"saga-{number}", at=AT + number)])
    slow, quick = [await journal.claim_sink(name, "a", MINUTE) for name in ("slow", "quick")]
    assert slow is not None
    assert quick is not None
    await journal.note_progress("quick", quick.token, SinkProgress(5))
    blocked = BLOCKED._replace(saga_id="saga-1", position=1)
    dead = DEAD._replace(saga_id="saga-2", position=2)
    await journal.note_progress("slow", slow.token, SinkProgress(4, [blocked], dead=[dead]))

    assert await journal.delete_events(AT + 100, 9) == 2
    assert [each.position for each in await journal.events(0, 9)] == [1, 2, 5]

    assert await journal.forget_sink("slow")
    assert not await journal.forget_sink("slow")
    assert await journal.delete_events(AT + 5, 9) == 2
    assert [each.position for each in await journal.events(0, 9)] == [5]


async def test_the_position_of_a_deleted_event_is_not_given_out_again(journal: Journal) -> None:
    await tell(journal, 2)
    assert await journal.delete_events(AT + 1, 9) == 2

    await tell(journal, 1, saga_id="saga-2")

    assert [each.position for each in await journal.events(0, 9)] == [3]


async def test_the_outbox_outlives_its_process(open_durable: Open) -> None:
    journal = await open_durable()
    await tell(journal, 2)
    claim = await journal.claim_sink("nats", "a", MINUTE)
    assert claim is not None
    await journal.note_progress("nats", claim.token, SinkProgress(1))
    await journal.close()

    reopened = await open_durable()

    assert events(await reopened.events(0, 9)) == [told(1), told(2)]
    assert [(sink.name, sink.position) for sink in await reopened.sinks()] == [("nats", 1)]


async def test_what_one_replica_tells_another_one_reads(handles: tuple[Journal, Journal]) -> None:
    one, other = handles
    await tell(one, 2)

    assert events(await other.events(0, 9)) == [told(1), told(2)]
    claim = await one.claim_sink("nats", "a", MINUTE)
    assert claim is not None
    assert await other.claim_sink("nats", "b", MINUTE) is None
