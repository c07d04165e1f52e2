"""Acts that one replica requests of another: kept until they are answered, and shown to who may carry them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.state import Status
from orchestrator.ports.requested_acts import RequestedAct
from tests.support.journals import Writing

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass, Open

LEASE = 3600 * 1_000_000_000
PAUSE = RequestedAct("a/1", "saga-1", Act.PAUSE, "wait\x00, ça va", Actor("ada", "token file", "ipv4:10.0.0.7:1"))
SERVED = (("place_order", 1),)


async def found(journal: Journal, owner: str, limit: int = 10) -> list[str]:
    return [each.request_id for each in await journal.requested_acts(owner, limit, SERVED)]


async def test_the_owner_of_a_saga_finds_what_is_requested_and_no_other_replica_does(journal: Journal) -> None:
    await Writing(journal).start()
    await journal.request_act(PAUSE)

    assert list(await journal.requested_acts("a", 10)) == [PAUSE]
    assert await found(journal, "b") == []


async def test_a_request_that_is_repeated_is_there_once(journal: Journal) -> None:
    await Writing(journal).start()
    await journal.request_act(PAUSE)
    await journal.request_act(PAUSE._replace(act=Act.CANCEL))

    assert list(await journal.requested_acts("a", 10)) == [PAUSE]


async def test_requests_come_in_their_order_and_no_more_than_are_wanted(journal: Journal) -> None:
    await Writing(journal).start()
    for number in range(5):
        await journal.request_act(PAUSE._replace(request_id=f"a/{number}"))

    assert await found(journal, "a", limit=3) == ["a/0", "a/1", "a/2"]


async def test_an_answer_stays_as_it_was_given_first_and_ends_the_request(journal: Journal) -> None:
    await Writing(journal).start()
    await journal.request_act(PAUSE)
    assert await journal.act_answers(["a/1", "a/2"]) == {}
    await journal.answer_act("a/1", "done")
    await journal.answer_act("a/1", "refused")

    assert await journal.act_answers(["a/1", "a/2"]) == {"a/1": "done"}
    assert await found(journal, "a") == []
    await journal.request_act(PAUSE)
    assert await found(journal, "a") == []


async def test_a_replica_that_serves_a_resting_saga_finds_what_is_requested(journal: Journal) -> None:
    writer = Writing(journal)
    await writer.start()
    await writer.suspend()
    other = Writing(journal, "saga-2")
    await other.start(definition="another")
    await other.suspend()
    await journal.request_act(PAUSE)
    await journal.request_act(PAUSE._replace(request_id="a/2", saga_id="saga-2"))

    assert await found(journal, "b") == ["a/1"]
    assert len(await journal.requested_acts("b", 10)) == 2


async def test_anybody_finds_what_is_requested_of_a_saga_that_has_ended(journal: Journal) -> None:
    for number, status in enumerate((Status.COMPLETED, Status.COMPENSATED), start=1):
        writer = Writing(journal, f"saga-{number}")
        await writer.start(definition="another")
        await writer.end(status)
        await journal.request_act(PAUSE._replace(request_id=f"a/{number}", saga_id=f"saga-{number}"))

    assert await found(journal, "b") == ["a/1", "a/2"]


async def test_a_request_finds_the_next_owner_of_a_saga(journal: Journal, let_pass: LetPass) -> None:
    await journal.heartbeat("a", LEASE)
    await Writing(journal).start()
    await journal.request_act(PAUSE)
    let_pass(7200)
    await journal.heartbeat("b", LEASE)
    assert await found(journal, "b") == []

    assert await journal.claim_unfinished("b", 10, SERVED)
    assert await found(journal, "b") == ["a/1"]
    assert await found(journal, "a") == []


async def test_what_one_handle_requests_another_one_finds_and_answers(handles: tuple[Journal, Journal]) -> None:
    one, other = handles
    await Writing(other, owner="b").start()
    await one.request_act(PAUSE)
    assert await found(other, "b") == ["a/1"]
    await other.answer_act("a/1", "done")

    assert await one.act_answers(["a/1"]) == {"a/1": "done"}


async def test_a_request_outlives_every_replica(handles: tuple[Journal, Journal], open_handle: Open) -> None:
    one, other = handles
    await Writing(other, owner="b").start()
    await one.request_act(PAUSE)
    await one.close()
    await other.close()

    assert await found(await open_handle(), "b") == ["a/1"]
