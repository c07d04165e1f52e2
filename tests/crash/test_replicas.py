"""Three replicas on one PostgreSQL: they die, they freeze, they are deployed anew, and every order ends once.

With ``pytest -s`` each test tells how long sagas waited for another replica; no test asks a busy machine to be quick.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

import pytest

from orchestrator.journal.entries import CommandIntended, SagaRecovered, SagaStarted, SagaSuspended
from orchestrator.journal.keys import compensation_key, idempotency_key
from orchestrator.store.opening import open_reader
from tests.crash.customers import Customers, in_turn
from tests.crash.orders import draw
from tests.crash.replicas import replicas_of
from tests.crash.takeovers import Takeovers, summary
from tests.support.place_order_source import V1, only_first_version
from tests.support.postgres import PostgresServer, running

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.journal.entries import Entry
    from tests.crash.invariants import Invariants
    from tests.crash.orders import Placed
    from tests.crash.shop import Shop

REPLICAS: Final = 3
ROUNDS: Final = 6
ORDERS_OF_A_ROUND: Final = 14
RESTARTS: Final[dict[int, Literal["fast", "immediate"]]] = {1: "fast", 4: "immediate"}
"""In which rounds the database is restarted, and how."""
LONG_LEASE: Final = 6
LATE: Final = 10.0
"""Seconds beyond a lease in which a busy machine gets a saga recovered; issue 12 wants five on one that is not."""
_NANOS: Final = 1_000_000_000


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


def second_version_in(folder: Path) -> dict[str, str]:
    """The environment of replicas that serve a version of the shop's saga beside those that all replicas serve.

    The code is the same; what counts here is that a replica without this version must leave its sagas to others.
    """
    newest = '@saga("place_order", version=3)\nasync def place_order_3('
    (folder / "next_order.py").write_text(only_first_version().replace(V1, newest))
    return {"ORCHESTRATOR_SAGAS": "orchestrator.shop,next_order", "PYTHONPATH": str(folder)}


async def journals_of(url: str, orders: list[Placed]) -> dict[str, list[Entry]]:
    reader = await open_reader(url)
    found = {order.order_id: await reader.read(order.order_id) for order in orders}
    await reader.close()
    return found


async def test_every_order_ends_once_though_replicas_are_killed_again_and_again_and_the_database_is_restarted_twice(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, server: PostgresServer
) -> None:
    replicas = await replicas_of(shop, tmp_path, server.url, REPLICAS)
    takeovers = Takeovers(server.url)
    async with Customers(in_turn(replicas), in_flight=24) as customers:
        everything = []
        for number in range(ROUNDS):
            orders = draw(chance, ORDERS_OF_A_ROUND, run=run)
            everything.append(asyncio.ensure_future(customers.order_all(orders)))
            await customers.have_placed(customers.acknowledged + ORDERS_OF_A_ROUND // 2)
            victim = replicas[number % REPLICAS]
            victim.kill()
            await takeovers.left_by(victim)
            if number in RESTARTS:
                await asyncio.to_thread(server.stop, RESTARTS[number])
                await asyncio.to_thread(server.start)
            await victim.restart()
        await asyncio.gather(*everything)
        assert await invariants.broken(customers) == []
    print(summary(await takeovers.seconds_after_the_lease()))  # noqa: T201 - pytest -s shows it


async def test_a_replica_that_is_stopped_past_its_lease_writes_nothing_and_sends_at_most_what_it_was_about_to_send(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, postgres_url: str
) -> None:
    stopped, other = await replicas_of(shop, tmp_path, postgres_url, 2)
    orders = draw(chance, 60, run=run, kinds=("good", "member", "coupons", "lost_reply", "fails_once", "piano"))
    async with Customers(stopped.address) as before, Customers(other.address) as after:
        ordering = asyncio.ensure_future(before.order_all(orders))
        await before.have_seen_the_end_of(10)
        stopped.freeze()
        left = await Takeovers(postgres_url).left_by(stopped)
        ordering.cancel()
        await after.order_all(orders)  # those that are there already are found, and followed
        journals = await journals_of(postgres_url, orders)
        # The end of a saga may have been on its way to the database: that one is taken over by nobody.
        left = [saga_id for saga_id in left if recovered_by(journals[saga_id])]
        assert left, "it had sagas in hand"

        thawed_at = time.time_ns()
        stopped.thaw()
        await stopped.says(*(f"saga {saga_id} is advanced here no more" for saga_id in left))
        assert await journals_of(postgres_url, orders) == journals
        assert await invariants.broken(after) == []
    sent = Counter(
        str(span.attributes["saga.idempotency_key"])
        for span in shop.collector.spans
        if span.kind == "SERVER" and span.started_at > thawed_at and span.attributes.get("saga.id") in journals
    )
    print(f"{len(left)} sagas were in hand; {sent.total()} attempts were sent late")  # noqa: T201 - as above
    assert {*sent} <= {key for saga_id, entries in journals.items() for key in keys_of(saga_id, entries)}
    assert set(sent.values()) <= {1}


def keys_of(saga_id: str, entries: list[Entry]) -> Iterator[str]:
    """The idempotency keys of the commands of a saga, and of their compensations."""
    for entry in entries:
        if isinstance(entry, CommandIntended):
            yield idempotency_key(saga_id, entry.key)
            yield idempotency_key(saga_id, compensation_key(entry.key))


async def test_a_deploy_of_another_version_suspends_nothing_and_keeps_no_saga_waiting_for_longer_than_the_lease(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, postgres_url: str
) -> None:
    replicas = await replicas_of(shop, tmp_path, postgres_url, REPLICAS, lease=LONG_LEASE)
    next_version = second_version_in(tmp_path)
    first, _, last = replicas
    async with Customers(in_turn(replicas), in_flight=24) as customers:
        everything, left = [], list[str]()
        for replica in replicas:
            everything.append(asyncio.ensure_future(customers.order_all(draw(chance, 16, run=run))))
            await customers.have_placed(customers.acknowledged + 8)
            replica.end()
            replica.set(**next_version)
            await replica.restart()
            if replica is not last:
                async with Customers(replica.address) as its_customers:
                    ordering = asyncio.ensure_future(its_customers.order_all(draw(chance, 16, run=run)))
                    await its_customers.have_placed(8)
                    replica.kill()
                    # While nobody else serves version 3, its sagas must wait for the first one.
                    left = left or await Takeovers(postgres_url).left_by(replica)
                    await replica.restart()
                    await ordering
                customers.placed += its_customers.placed
        await asyncio.gather(*everything)
        assert await invariants.broken(customers) == []
        journals = await journals_of(postgres_url, customers.placed)

    entries = [entry for entries in journals.values() for entry in entries]
    assert {entry.version for entry in entries if isinstance(entry, SagaStarted)} == {2, 3}
    assert not [entry for entry in entries if isinstance(entry, SagaSuspended)]
    waited_for_it = [journals.pop(saga_id) for saga_id in left if version_of(journals[saga_id]) == 3]
    assert waited_for_it, "sagas of version 3 were in hand"
    assert all(f"-{first.pid}-" in recovered_by(entries)[0] for entries in waited_for_it)
    waits = sorted(wait for entries in journals.values() for wait in waits_for_another(entries))
    print(f"{len(waits)} sagas changed hands; the longest waited {waits[-1]:.2f} s")  # noqa: T201 - as above
    assert waits[-1] <= LONG_LEASE + LATE


def version_of(entries: list[Entry]) -> int:
    """The version with which a saga started."""
    [version] = [entry.version for entry in entries if isinstance(entry, SagaStarted)]
    return version


def recovered_by(entries: list[Entry]) -> list[str]:
    """The owners that recovered a saga, in order."""
    return [entry.owner for entry in entries if isinstance(entry, SagaRecovered)]


def waits_for_another(entries: list[Entry]) -> list[float]:
    """Seconds from what stands last in a journal to the recovery by another replica."""
    pairs = pairwise(entries)
    return [(after.at - before.at) / _NANOS for before, after in pairs if isinstance(after, SagaRecovered)]
