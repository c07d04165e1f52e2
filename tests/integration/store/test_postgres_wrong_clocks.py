"""Replicas on PostgreSQL whose own clocks are an hour wrong: the database's clock alone says who is alive."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg
import pytest

from orchestrator.engine.replica.assemble import assemble
from orchestrator.ports.adapters import Adapters
from orchestrator.ports.schedules import Missed, Overlap
from orchestrator.store.opening import open_store
from orchestrator.testing.world.clock import JumpingClock
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import NullObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.virtual_loop import Process
from tests.support.engine_world import ORDER, SAGA, Answer, order_of, plan_of, trip
from tests.support.postgres import set_store_clock
from tests.support.schedules import new_schedule
from tests.support.wrong_clock import WrongClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orchestrator.engine.replica.replica import Replica
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.schedules import Schedule

HOUR: Final = 3600
LEASE: Final = 60
STEP: Final = 21
"""Seconds: a little more than from one heartbeat to the next."""
PATIENCE: Final = 60.0


class Replicas:
    """Two replicas, one of which has the right time.

    Attributes:
        participants: what both call.
        right: the clock that is right.
    """

    def __init__(self, url: str) -> None:
        self.participants = ScriptedParticipants()
        self.right = JumpingClock()
        self._url = url
        self._ahead = 0

    @asynccontextmanager
    async def replica(self, name: str, wrong: int = 0) -> AsyncIterator[Replica]:
        """One that has recovered what no replica advances; when the block is left, it hands over."""
        journal = await open_store(self._url)
        clock = cast("Clock", WrongClock(self.right, wrong))
        network = NetworkConnection(self.participants, Process(name))
        adapters = Adapters(journal, network, NullObserver(), clock, lambda: 0.5)
        replica = assemble([trip], adapters, owner=name, lease=LEASE, plan_of=plan_of)
        await replica.worker.open()
        yield replica
        await replica.worker.close(0.0)
        await journal.close()

    async def let_leases_be_renewed(self, replicas: int) -> None:
        """Longer than a lease, in steps in which every replica that lives renews its own."""
        for _ in range(5):
            self._ahead += STEP
            await asyncio.to_thread(set_store_clock, self._url, self._ahead)
            self.right.advance(STEP)
            fresh = f"alive_until > journal_now() + {(LEASE - STEP + 1) * 1_000_000_000}"
            await until(lambda: self.ask(f"SELECT count(*) FROM replica WHERE {fresh}") == (replicas,))  # noqa: B023

    async def let_the_database_show(self, ahead: int) -> None:
        """Let the clock of the database jump."""
        await asyncio.to_thread(set_store_clock, self._url, ahead)

    async def look_until(self, condition: Callable[[], bool]) -> None:
        """Let replicas look for what is due, again and again, until a condition holds."""
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(condition):
                self.right.advance(STEP)

    async def look_often(self) -> None:
        """Let replicas look for what is due so often that what could start would have started."""
        for _ in range(10):
            self.right.advance(STEP)
            await asyncio.to_thread(self.ask, "SELECT 1")

    def ask(self, question: str) -> Any:  # noqa: ANN401 - the row
        with psycopg.connect(self._url, autocommit=True) as connection:
            return connection.execute(question).fetchone()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(condition):
            pass


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
@pytest.mark.parametrize("owner_is_wrong", [False, True])
async def test_a_replica_whose_clock_is_an_hour_wrong_claims_no_live_saga_and_loses_none_of_its_own(
    postgres_url: str, wrong: int, owner_is_wrong: bool
) -> None:
    replicas = Replicas(postgres_url)
    replicas.participants.scripts["AuthorizePayment"].append(answer := Answer())
    async with (
        replicas.replica("owner", wrong if owner_is_wrong else 0) as owner,
        replicas.replica("other", 0 if owner_is_wrong else wrong) as other,
    ):
        await owner.worker.start(order_of(trip))
        await until(lambda: answer.asked > 0)
        await replicas.let_leases_be_renewed(2)

        assert SAGA in owner.worker.live
        assert not other.worker.live
        assert replicas.ask("SELECT owner, token FROM open_saga") == ("owner", 1)
        answer.give()
        await until(lambda: replicas.ask("SELECT count(*) FROM ended_saga WHERE status = 3") == (1,))


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
async def test_what_a_replica_with_a_wrong_clock_hands_over_is_advanced_by_the_other_at_its_next_heartbeat(
    postgres_url: str, wrong: int
) -> None:
    replicas = Replicas(postgres_url)
    replicas.participants.scripts["AuthorizePayment"].append(answer := Answer())
    async with replicas.replica("heir"):
        async with replicas.replica("goes", wrong) as goes:
            await goes.worker.start(order_of(trip))
            await until(lambda: answer.asked > 0)
        replicas.right.advance(STEP)

        await until(lambda: replicas.ask("SELECT count(*) FROM ended_saga WHERE status = 3 AND token = 2") == (1,))


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
async def test_a_schedule_starts_once_when_the_clock_of_the_database_says_so_however_that_clock_jumps(
    postgres_url: str, wrong: int
) -> None:
    replicas = Replicas(postgres_url)
    sagas = "SELECT count(*) FROM saga"
    next_at = "SELECT document::json ->> 'next_at' FROM schedule"
    new = new_schedule(ORDER, cron="0 * * * *", zone="UTC", missed=Missed.RUN_ALL, overlap=Overlap.ALLOW_ALL)
    async with replicas.replica("one", wrong) as one, replicas.replica("other"):
        created = await one.schedules.create(new)
        assert created.next_at is not None
        to_the_hour = (created.next_at - created.created_at) // 1_000_000_000
        await replicas.let_the_database_show(to_the_hour - 30)
        await replicas.look_often()
        assert replicas.ask(sagas) == (0,)

        await replicas.let_the_database_show(to_the_hour + 30)
        await replicas.look_until(lambda: replicas.ask(next_at) == (at(created, 1),))
        assert replicas.ask(sagas) == (1,)
        await replicas.let_the_database_show(to_the_hour - 600)
        await replicas.look_often()
        await replicas.let_the_database_show(to_the_hour + 30)
        await replicas.look_often()
        assert replicas.ask(sagas) == (1,), "a clock that is put back repeats nothing"

        await replicas.let_the_database_show(to_the_hour + 3 * HOUR + 30)
        await replicas.look_until(lambda: replicas.ask(next_at) == (at(created, 4),))
        assert replicas.ask(sagas) == (4,), "one that jumps ahead loses none"


def at(schedule: Schedule, hours: int) -> str:
    """The instant so many hours after the first one, as the table has it."""
    assert schedule.next_at is not None
    return str(schedule.next_at + hours * HOUR * 1_000_000_000)
