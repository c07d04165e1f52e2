"""What stands in front of a participant: a limit of calls in flight, and a circuit breaker that asks for health."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.bindings.circuit_breaker import FAILURES_TO_OPEN, CircuitBreaker
from orchestrator.engine.bindings.gradual_return import FIRST_ROOM

if TYPE_CHECKING:
    from collections.abc import Callable


class Later:
    """A call that is to come, unless it is cancelled."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class StepClock:
    """A sleep lasts until the test lets it end, and a later call comes when the test lets a step pass."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._sleeping: list[asyncio.Future[None]] = []
        self._later: list[Later] = []

    def now(self) -> int:
        return 0

    def elapsed(self) -> int:
        return 0

    def call_after(self, _seconds: float, callback: Callable[[], None]) -> Later:
        self._later.append(Later(callback))
        return self._later[-1]

    def pass_step(self) -> None:
        later, self._later = self._later, []
        for call in later:
            if not call.is_cancelled:
                call.callback()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._sleeping.append(asyncio.get_running_loop().create_future())
        await self._sleeping[-1]

    async def wake(self) -> None:
        self._sleeping.pop().set_result(None)
        await turns()


class Health:
    def __init__(self) -> None:
        self.answer: bool | None = False

    async def __call__(self) -> bool | None:
        return self.answer


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def breaker(clock: StepClock, health: Health) -> CircuitBreaker:
    return CircuitBreaker(clock, health, most_in_flight=2)


def fail(breaker: CircuitBreaker, times: int = FAILURES_TO_OPEN) -> None:
    for _ in range(times):
        assert breaker.try_enter()
        breaker.leave(reached=False)


async def test_calls_beyond_the_limit_wait_and_are_admitted_in_their_order(breaker: CircuitBreaker) -> None:
    assert breaker.try_enter()
    assert breaker.try_enter()
    admitted: list[str] = []

    async def call(name: str) -> None:
        await breaker.enter()
        admitted.append(name)

    calls = [asyncio.ensure_future(call(name)) for name in ("first", "second")]
    await turns()
    assert admitted == []

    breaker.leave(reached=True)
    await turns()
    assert admitted == ["first"]
    breaker.leave(reached=True)
    await asyncio.gather(*calls)
    assert admitted == ["first", "second"]


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_a_call_that_stops_waiting_takes_no_other_calls_turn(clock: StepClock, health: Health, most: int) -> None:
    breaker = CircuitBreaker(clock, health, most_in_flight=most)
    assert all(breaker.try_enter() for _ in range(most))
    given_up = asyncio.ensure_future(breaker.enter())
    patient = asyncio.ensure_future(breaker.enter())
    await turns()

    breaker.leave(reached=True)
    given_up.cancel()
    await turns()

    assert patient.done()
    assert (breaker.in_flight, breaker.waiting) == (most, 0)


async def test_the_circuit_opens_when_no_participant_is_there_several_times_in_a_row(breaker: CircuitBreaker) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert not breaker.is_open
    assert breaker.try_enter()
    breaker.leave(reached=True)
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert not breaker.is_open

    fail(breaker, 1)

    assert breaker.is_open
    assert not breaker.try_enter()
    breaker.shut()


async def test_the_circuit_closes_when_the_participant_says_that_it_serves(
    breaker: CircuitBreaker, clock: StepClock, health: Health
) -> None:
    fail(breaker)
    waiting = asyncio.ensure_future(breaker.enter())
    await turns()
    await clock.wake()
    assert not waiting.done()

    health.answer = True
    await clock.wake()

    assert waiting.done()
    assert not breaker.is_open


async def test_a_circuit_that_has_closed_opens_again_after_as_many_failures(
    breaker: CircuitBreaker, clock: StepClock, health: Health
) -> None:
    fail(breaker)
    await turns()
    health.answer = True
    await clock.wake()

    fail(breaker, FAILURES_TO_OPEN - 1)
    assert not breaker.is_open
    fail(breaker, 1)

    assert breaker.is_open
    breaker.shut()


async def test_a_participant_without_health_gets_one_trial_at_a_time(
    breaker: CircuitBreaker, clock: StepClock, health: Health
) -> None:
    health.answer = None
    fail(breaker)
    calls = [asyncio.ensure_future(breaker.enter()) for _ in range(3)]
    await turns()
    await clock.wake()
    assert [call.done() for call in calls] == [True, False, False]

    breaker.leave(reached=False)
    await turns()
    assert [call.done() for call in calls] == [True, False, False]

    await clock.wake()
    breaker.leave(reached=True)
    await turns()
    assert all(call.done() for call in calls)
    assert not breaker.is_open


async def test_the_pauses_between_questions_grow_to_a_bound(breaker: CircuitBreaker, clock: StepClock) -> None:
    fail(breaker)
    await turns()
    for _ in range(6):
        await clock.wake()

    assert clock.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    breaker.shut()


async def test_the_listener_is_told_once_that_a_participant_is_back(
    breaker: CircuitBreaker, clock: StepClock, health: Health
) -> None:
    returns: list[bool] = []
    breaker.on_return = lambda: returns.append(breaker.is_open)
    assert breaker.try_enter()
    breaker.leave(reached=True)
    fail(breaker)
    await turns()
    assert returns == []

    health.answer = True
    await clock.wake()

    assert returns == [False]


async def test_a_question_that_is_answered_after_the_trial_does_not_half_open_a_closed_circuit(
    breaker: CircuitBreaker, clock: StepClock, health: Health
) -> None:
    health.answer = None
    fail(breaker)
    await turns()
    await clock.wake()  # the circuit is half open
    assert breaker.try_enter()
    slow: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def answer_late() -> bool | None:
        await slow
        return None

    breaker._check = answer_late
    await clock.wake()
    breaker.leave(reached=True)
    assert not breaker.is_open
    slow.set_result(None)
    await turns()
    fail(breaker, 1)

    assert breaker.try_enter(), "one call that nobody answered does not keep the next ones out"


async def down_and_back(
    clock: StepClock, health: Health, most: int, waiting: int
) -> tuple[CircuitBreaker, list[asyncio.Task[None]]]:
    """A participant that was down and is back, and the calls that have waited for it."""
    breaker = CircuitBreaker(clock, health, most_in_flight=most)
    fail(breaker)
    calls = [asyncio.ensure_future(breaker.enter()) for _ in range(waiting)]
    await turns()
    health.answer = True
    await clock.wake()
    return breaker, calls


async def test_the_calls_that_waited_for_a_participant_return_gradually(clock: StepClock, health: Health) -> None:
    breaker, calls = await down_and_back(clock, health, most=100, waiting=400)

    admitted = []
    for _ in range(6):
        admitted.append(breaker.in_flight)
        for _ in range(breaker.in_flight):
            breaker.leave(reached=True)
        await turns()
        clock.pass_step()
        await turns()

    assert admitted == [FIRST_ROOM, 8, 16, 32, 64, 100]
    for call in calls:
        call.cancel()


async def test_a_participant_that_answers_nothing_gets_no_more_calls_when_it_is_back(
    clock: StepClock, health: Health
) -> None:
    breaker, calls = await down_and_back(clock, health, most=100, waiting=400)

    for _ in range(3):
        clock.pass_step()
        await turns()

    assert breaker.in_flight == FIRST_ROOM
    for call in calls:
        call.cancel()


async def test_a_participant_that_falters_when_it_is_back_gets_few_calls_again(
    clock: StepClock, health: Health
) -> None:
    breaker, calls = await down_and_back(clock, health, most=100, waiting=400)
    for _ in range(3):
        breaker.leave(reached=True)
        clock.pass_step()
        await turns()
    assert breaker.in_flight == FIRST_ROOM * 8

    for _ in range(FIRST_ROOM * 8 - 1):
        breaker.leave(reached=True)
    breaker.leave(reached=False)
    await turns()

    assert breaker.in_flight <= FIRST_ROOM * 8
    while breaker.in_flight > FIRST_ROOM:
        breaker.leave(reached=True)
    await turns()
    assert breaker.in_flight == FIRST_ROOM
    assert not breaker.is_open
    for call in calls:
        call.cancel()


async def test_many_recovered_sagas_leave_the_calls_in_flight_as_they_are(clock: StepClock, health: Health) -> None:
    breaker = CircuitBreaker(clock, health, most_in_flight=100)
    assert all(breaker.try_enter() for _ in range(20))

    breaker.return_gradually()

    assert not breaker.try_enter(), "as many as there were"
    breaker.leave(reached=True)
    assert breaker.try_enter()
    clock.pass_step()
    assert all(breaker.try_enter() for _ in range(20)), "then twice as many"
    assert not breaker.try_enter()
    breaker.shut()


async def test_a_return_ends_where_the_circuit_opens(clock: StepClock, health: Health) -> None:
    breaker, calls = await down_and_back(clock, health, most=100, waiting=4)
    health.answer = False
    for _ in range(FIRST_ROOM):
        breaker.leave(reached=False)
    fail(breaker, 1)
    assert breaker.is_open

    clock.pass_step()

    assert not breaker.try_enter()
    for call in calls:
        call.cancel()
    breaker.shut()
