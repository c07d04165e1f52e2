"""How often a participant is called, by all replicas together, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.bindings.circuit_breaker import FAILURES_TO_OPEN, CircuitBreaker
from orchestrator.engine.bindings.rate_limit import RateLimit
from orchestrator.errors import JournalUnavailable
from orchestrator.ports.quotas import Rate
from orchestrator.store.memory.journal import MemoryJournal, MemoryState
from orchestrator.testing.world.clock import VirtualClock
from orchestrator.testing.world.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from orchestrator.ports.clock import Clock

PAYMENT = "shop.payment.v1.PaymentService"


def live(scenario: Coroutine[None, None, None]) -> None:
    """Let a scenario happen in virtual time."""
    with contextlib.closing(VirtualLoop(Random(1))) as loop:
        loop.run_until_complete(scenario)
        loop.sweep()


class CountingJournal(MemoryJournal):
    """Counts how often a portion was taken, and refuses as often as a test wants."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(VirtualClock().now, state)
        self.taken = 0
        self.refusals = 0

    async def take_portion(self, name: str, interval: int, number: int) -> int:
        if self.refusals:
            self.refusals -= 1
            raise JournalUnavailable("the database is away")
        self.taken += 1
        return await super().take_portion(name, interval, number)


class Replica:
    """One of those who share a rate."""

    def __init__(self, state: MemoryState, rate: Rate, clock: Clock | None = None) -> None:
        self.journal = CountingJournal(state)
        self.rate_limit = RateLimit(PAYMENT, rate, self.journal, clock or VirtualClock())
        self.called_at: list[float] = []

    async def call(self) -> None:
        await self.rate_limit.take()
        self.called_at.append(asyncio.get_running_loop().time())

    async def call_often(self, times: int) -> None:
        for _ in range(times):
            await self.call()


def most_in_a_second(called_at: list[float]) -> int:
    called_at = sorted(called_at)
    return max(sum(first <= each < first + 1 for each in called_at) for first in called_at)


def test_replicas_keep_a_rate_together() -> None:
    async def scenario() -> None:
        state = MemoryState()
        replicas = [Replica(state, Rate(50, 1)) for _ in range(3)]
        await asyncio.gather(*(replica.call() for replica in replicas for _ in range(200)))

        called_at = [each for replica in replicas for each in replica.called_at]
        assert 50 <= most_in_a_second(called_at) <= 50 + 3 * 2 * 5, "the rate, and two portions for each replica"
        assert 11 <= max(called_at) <= 12, "600 calls at 50/s"
        assert all(replica.called_at[-1] > 10 for replica in replicas), "no replica takes all of it"

    live(scenario())


def test_a_call_waits_for_no_answer_of_the_store_but_the_first() -> None:
    async def scenario() -> None:
        replica = Replica(MemoryState(), Rate(1000, 1))
        await replica.call()

        for _ in range(20):
            await asyncio.sleep(0.01)
            assert all(replica.rate_limit.try_take() for _ in range(9))

        assert replica.journal.taken <= 4, "a portion is a hundred calls"

    live(scenario())


def test_a_dead_replica_loses_no_more_than_its_portions() -> None:
    async def scenario() -> None:
        state = MemoryState()
        dead, alive = Replica(state, Rate(100, 1)), Replica(state, Rate(100, 1))
        await dead.call()
        await alive.call_often(100)

        assert alive.called_at[-1] <= 1 + 2 * 0.1

    live(scenario())


def test_a_slow_rate_is_kept_call_by_call() -> None:
    async def scenario() -> None:
        replica = Replica(MemoryState(), Rate(30, 60))
        await replica.call_often(4)

        assert replica.called_at == [pytest.approx(each, abs=0.01) for each in (0, 2, 4, 6)]
        assert replica.journal.taken == 4, "none is taken that may not be needed"

    live(scenario())


def test_an_idle_replica_keeps_no_flood_for_later() -> None:
    async def scenario() -> None:
        replica = Replica(MemoryState(), Rate(100, 1))
        await replica.call()
        await asyncio.sleep(3600)
        replica.called_at.clear()

        await asyncio.gather(*(replica.call() for _ in range(200)))

        assert most_in_a_second(replica.called_at) <= 100 + 2 * 10

    live(scenario())


def test_calls_wait_in_their_order_and_one_that_gives_up_takes_no_others_instant() -> None:
    async def scenario() -> None:
        replica = Replica(MemoryState(), Rate(1, 1))
        await replica.call()
        given_up, patient = (asyncio.ensure_future(replica.call()) for _ in range(2))
        await asyncio.sleep(0.5)
        assert not replica.rate_limit.try_take(), "it would overtake those that wait"
        given_up.cancel()
        await patient

        assert replica.called_at == [0, pytest.approx(1, abs=0.01)]
        assert replica.rate_limit.waiting == 0

    live(scenario())


def test_calls_wait_for_a_store_that_is_away() -> None:
    async def scenario() -> None:
        replica = Replica(MemoryState(), Rate(100, 1))
        replica.journal.refusals = 3
        await replica.call()

        assert replica.called_at == [3]

    live(scenario())


class ClockSetBack(VirtualClock):
    """A clock that a test sets back."""

    back = 0

    def now(self) -> int:
        return super().now() - self.back


def test_a_clock_that_is_set_back_makes_no_call_wait_for_the_hour_that_it_shows_again() -> None:
    async def scenario() -> None:
        clock = ClockSetBack()
        replica = Replica(MemoryState(), Rate(100, 1), clock)
        await replica.call()
        clock.back = 3600 * 10**9
        await replica.call_often(10)

        assert replica.called_at[-1] < 1

    live(scenario())


async def never() -> bool:
    return False


def test_a_call_that_waits_for_its_instant_is_not_made_when_the_participant_is_down_by_then() -> None:
    async def scenario() -> None:
        replica = Replica(MemoryState(), Rate(10, 1))
        breaker = CircuitBreaker(VirtualClock(), never, 100, PAYMENT, replica.rate_limit)
        calls = [asyncio.ensure_future(breaker.enter()) for _ in range(30)]
        await asyncio.sleep(0.55)
        made = sum(call.done() for call in calls)
        assert breaker.is_paced
        assert breaker.in_flight == made == 6
        assert breaker.waiting == 30 - made

        for _ in range(FAILURES_TO_OPEN):
            breaker.leave(reached=False)
        await asyncio.sleep(10)

        assert sum(call.done() for call in calls) == made
        assert not breaker.try_enter()
        breaker.shut()

    live(scenario())


def test_a_rate_reads_as_it_was_set() -> None:
    assert [str(Rate(50, 1)), str(Rate(30, 60))] == ["50/s", "30/min"]
