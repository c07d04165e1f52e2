"""Claims, inbox and dead letters of events, on every store."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from services.chassis.events import inbox
from services.chassis.events.claims import LEASE, Claim, ClaimLost
from services.chassis.events.inbox import DeadLetter
from services.chassis.timestamps import utc_now
from tests.support.event_streams import event_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.chassis.database import Database

NOW = utc_now()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await event_database(database_url)
    yield opened
    await opened.close()


def letter(event_id: str = "1", reason: str = "no") -> DeadLetter:
    return DeadLetter("email-confirm", event_id, {"ce-id": event_id}, b"\x00\xff", reason, 3, NOW, retry_asked=False)


async def test_one_process_has_the_claim(database: Database) -> None:
    first, second = Claim(database), Claim(database)
    assert await first.take()
    assert not await second.take()
    assert await first.take()


async def test_a_claim_that_is_not_renewed_is_taken_by_another_process(database: Database) -> None:
    first = Claim(database)
    assert await first.take()
    second = Claim(database, lambda: utc_now() + LEASE + timedelta(seconds=1))
    assert await second.take()
    assert not await first.take()
    with pytest.raises(ClaimLost):
        await database.transaction(first.verify)
    await database.transaction(second.verify)


async def test_a_claim_that_is_given_back_is_taken_at_once(database: Database) -> None:
    first, second = Claim(database), Claim(database)
    assert await first.take()
    await first.give_back()
    assert await second.take()


async def test_a_claim_that_another_process_has_cannot_be_given_back(database: Database) -> None:
    first, second = Claim(database), Claim(database)
    assert await first.take()
    await second.give_back()
    assert not await second.take()


async def test_an_event_is_kept_once_by_each_subscription(database: Database) -> None:
    keep = partial(inbox.keep, event_id="1", at=NOW)
    assert await database.transaction(partial(keep, subscription="email-confirm"))
    assert not await database.transaction(partial(keep, subscription="email-confirm"))
    assert await database.transaction(partial(keep, subscription="rewards-credit"))


async def test_a_dead_letter_is_kept_as_it_came(database: Database) -> None:
    await database.transaction(partial(inbox.bury, letter=letter()))
    assert await database.read(inbox.dead_letters) == [letter()]
    assert await database.read(partial(inbox.is_settled, subscription="email-confirm", event_id="1"))
    assert not await database.read(partial(inbox.is_handled, subscription="email-confirm", event_id="1"))


async def test_a_dead_letter_that_is_given_up_again_counts_its_attempts_and_says_why(database: Database) -> None:
    await database.transaction(partial(inbox.bury, letter=letter()))
    assert await database.transaction(inbox.ask_for_retry) == 1
    await database.transaction(partial(inbox.bury, letter=letter(reason="still no")))
    assert await database.read(inbox.dead_letters) == [letter(reason="still no")._replace(attempts=6)]


async def test_the_dead_letters_that_somebody_asks_for_are_tried_one_by_one(database: Database) -> None:
    for event_id in ("1", "2"):
        await database.transaction(partial(inbox.bury, letter=letter(event_id)))
    assert await database.read(partial(inbox.asked_for, subscription="email-confirm")) is None
    assert await database.transaction(partial(inbox.ask_for_retry, event_id="2")) == 1
    assert await database.read(partial(inbox.asked_for, subscription="rewards-credit")) is None
    asked = await database.read(partial(inbox.asked_for, subscription="email-confirm"))
    assert asked == letter("2")._replace(retry_asked=True)
    await database.transaction(partial(inbox.dig_up, subscription="email-confirm", event_id="2"))
    assert await database.read(inbox.dead_letters) == [letter("1")]


async def test_a_subscription_hears_from_when_it_first_began(database: Database) -> None:
    begin = partial(inbox.begin, subscription="email-confirm")
    assert await database.transaction(partial(begin, since=NOW)) == NOW
    assert await database.transaction(partial(begin, since=NOW + timedelta(days=1))) == NOW
