"""What replicas share of a rate: instants, each given once, as far apart as the rate says."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal
    from tests.conformance.store.stores import LetPass

HOUR = 3600 * 1_000_000_000
"""Nothing that a test does takes so long."""
TELLER = "shop.payment.v1.PaymentService"


async def test_the_first_instant_of_a_rate_has_come(journal: Journal) -> None:
    assert -HOUR < await journal.take_portion(TELLER, HOUR, 3) <= 0


async def test_no_instant_is_given_twice(journal: Journal) -> None:
    first = await journal.take_portion(TELLER, HOUR, 3)
    second = await journal.take_portion(TELLER, HOUR, 2)
    third = await journal.take_portion(TELLER, HOUR, 1)

    assert 2 * HOUR < second - first <= 3 * HOUR
    assert HOUR < third - second <= 2 * HOUR


async def test_replicas_that_ask_at_once_get_instants_of_their_own(handles: tuple[Journal, Journal]) -> None:
    portions = await asyncio.gather(*(handles[number % 2].take_portion(TELLER, HOUR, 1) for number in range(10)))

    # The store's clock goes on from one answer to the next, but by no hour.
    assert all(0 < later - earlier <= 2 * HOUR for earlier, later in pairwise(sorted(portions)))
    assert max(portions) > 8 * HOUR


async def test_each_rate_has_instants_of_its_own(journal: Journal) -> None:
    await journal.take_portion(TELLER, HOUR, 100)

    assert await journal.take_portion("shop.email.v1.EmailService", HOUR, 1) <= 0


async def test_what_was_not_taken_in_an_idle_time_is_lost_but_for_one_portion(
    journal: Journal, let_pass: LetPass
) -> None:
    await journal.take_portion(TELLER, HOUR, 3)
    let_pass(100 * 3600)

    assert -4 * HOUR < await journal.take_portion(TELLER, HOUR, 3) <= -2 * HOUR
    assert await journal.take_portion(TELLER, HOUR, 1) > -HOUR
