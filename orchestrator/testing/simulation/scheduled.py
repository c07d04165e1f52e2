"""Customers who let sagas start by themselves, and what must come of it: one start for each instant that is due.

What is due is decided by every replica at once, and replicas die between a decision, the start and the note of it. At
the end, each instant has one answer; each saga that nobody started by name belongs to one of them; and each start that
is written down is there.
"""

from __future__ import annotations

import asyncio
import uuid
from random import Random
from typing import TYPE_CHECKING, Any, Final

from orchestrator.engine.schedules.facade import NewSchedule
from orchestrator.engine.schedules.turn import request_id_of
from orchestrator.engine.starting import saga_id_of
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import ENDED
from orchestrator.ports.schedules import Missed, Overlap, StartOutcome
from orchestrator.testing.simulation.clients import Clients
from orchestrator.testing.simulation.promises import Promise
from orchestrator.testing.world.clock import EPOCH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Sequence

    from orchestrator.ports.journal import Journal
    from orchestrator.ports.schedules import Schedule
    from orchestrator.testing.simulation.invariants import Invariants
    from orchestrator.testing.simulation.replicas import ReplicaProcess, SimulatedReplica
    from orchestrator.testing.simulation.sagas_under_test import SagasUnderTest
    from orchestrator.testing.simulation.timeline import Timeline

_MOST_SCHEDULES: Final = 3
_FIRST_SECOND: Final = 12.0
_LAST_SECOND: Final = 24.0
_LATEST_CREATION: Final = 4.0
_LATEST_REQUEST: Final = 6.0
"""After this, an answer could come after the first instant, as a refusal."""
_BY_HAND: Final = 0.3
_SECOND: Final = 1_000_000_000


class ScheduleClients(Clients):
    """Customers, operators, and schedules.

    Args:
        seed: decides about the schedules alone, so that a world's other chances stay as they are.
    """

    def __init__(
        self,
        replicas: Sequence[SimulatedReplica],
        sagas: SagasUnderTest,
        random: Random,
        timeline: Timeline,
        invariants: Invariants,
        seed: int,
    ) -> None:
        super().__init__(replicas, sagas, random, timeline, invariants)
        self._chance = Random(f"{seed}/schedules")  # noqa: S311 - no secret
        self._asked_for: dict[str, NewSchedule] = {}
        self._acknowledged: set[str] = set()
        self._by_hand: set[str] = set()

    def schedules(self) -> list[Coroutine[Any, Any, None]]:
        """What the customers of one world do about schedules."""
        number = self._chance.randint(0, _MOST_SCHEDULES)
        return [self._schedule(f"schedule-{each}") for each in range(1, number + 1)]

    async def unsettled_schedules(self, journal: Journal) -> list[str]:
        """The schedules of which something is still to come, but for what waits for a saga that has not ended."""
        found = [await journal.find_schedule(name) for name in self._asked_for]
        return [each.name for each in found if each is not None and each.due_at is not None and not self._rests(each)]

    def _rests(self, schedule: Schedule) -> bool:
        if schedule.buffered is None or schedule.firing:
            return False
        return any(self._invariants.sagas[saga_id].state.status not in ENDED for saga_id in schedule.running)

    async def check_schedules(self, journal: Journal) -> None:
        """Hold every schedule, and every saga that was started by one, to the promises."""
        expected: set[str] = set()
        for new in self._asked_for.values():
            schedule = await journal.find_schedule(new.name)
            if schedule is not None:
                expected |= self._checked(new, schedule)
            elif new.name in self._acknowledged:
                self._invariants.report(Promise.NOTHING_IS_LOST, f"{new.name} was acknowledged, and is not there")
        by_schedule = {
            saga_id
            for saga_id, known in self._invariants.sagas.items()
            if not known.state.parent_id and not saga_id.startswith("saga-")
        }
        for saga_id in (expected | self._by_hand) - by_schedule:
            self._invariants.report(Promise.NOTHING_IS_LOST, f"{saga_id} was to start by schedule, and is not there")
        for saga_id in by_schedule - expected - self._by_hand:
            self._invariants.report(Promise.SAME_INTENT_SAME_KEY, f"{saga_id} was started, and no instant asked for it")

    def _checked(self, new: NewSchedule, schedule: Schedule) -> set[str]:
        """The sagas that a schedule must have started by its timetable."""
        answers = [past for past in schedule.recent if past.instant == new.at]
        if len(answers) != 1:
            self._invariants.report(Promise.NOTHING_IS_LOST, f"{new.name} has {len(answers)} answers for its instant")
            return set()
        left_out = {
            StartOutcome.MISSED: new.missed is Missed.SKIP,
            StartOutcome.STILL_RUNNING: new.overlap is Overlap.SKIP,
        }
        if left_out.get(answers[0].outcome):
            return set()
        if answers[0].outcome is not StartOutcome.STARTED:
            self._invariants.report(Promise.NOTHING_IS_LOST, f"{new.name} has not started: {answers[0]}")
        return {saga_id_of(new.definition, request_id_of(schedule.uid, new.at))}

    async def _schedule(self, name: str) -> None:
        """A customer creates a schedule, insists, and perhaps lets it start once more by hand."""
        chance = self._chance
        new = self._asked_for[name] = self._draw(name)
        hand_after = chance.uniform(0, _LAST_SECOND) if chance.random() < _BY_HAND else 0.0
        await asyncio.sleep(chance.uniform(0, _LATEST_CREATION))
        while True:
            created = await self._ask("customer", "schedule", name, lambda replica: replica.schedules.create(new))
            if created is not None:
                break
            await asyncio.sleep(chance.uniform(0.1, 1.0))
            if asyncio.get_running_loop().time() > _LATEST_REQUEST:
                return  # it may be there all the same, and then starts as any other
        self._acknowledged.add(name)
        if hand_after:
            await asyncio.sleep(hand_after)
            await self._run_by_hand(name, str(uuid.UUID(int=chance.getrandbits(128))))

    async def _run_by_hand(self, name: str, request_id: str) -> None:
        def run(replica: ReplicaProcess) -> Awaitable[tuple[Schedule, str]]:
            return replica.schedules.run(name, request_id, Actor("ada"))

        while True:
            answer = await self._ask("operator", "run", name, run)
            if answer is not None:
                self._by_hand.add(answer[1])
                return
            await asyncio.sleep(self._chance.uniform(0.1, 1.0))

    def _draw(self, name: str) -> NewSchedule:
        chance = self._chance
        definition, inputs = chance.choice(self._sagas.starts)
        return NewSchedule(
            name=name,
            cron="",
            zone="",
            at=EPOCH + int(chance.uniform(_FIRST_SECOND, _LAST_SECOND) * _SECOND),
            definition=definition.name,
            version=definition.version,
            input_type=definition.input.DESCRIPTOR.full_name,
            input=chance.choice(inputs).SerializeToString(deterministic=True),
            overlap=chance.choice(list(Overlap)),
            missed=chance.choice(list(Missed)),
            missed_limit=1,
            window=_SECOND,
            created_by=Actor("ada"),
            request_id=str(uuid.UUID(int=chance.getrandbits(128))),
        )
