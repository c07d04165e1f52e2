"""Customers, who start sagas and insist; operators, who do what operators do; and people for whom sagas wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from orchestrator.engine.sagas import Signal, StartSaga
from orchestrator.errors import ActNoted, ActRefused, JournalError, Overloaded, SagaNotFound, ScheduleError
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.priority import Priority
from orchestrator.journal.state import Status
from orchestrator.testing.simulation.promises import Promise
from orchestrator.testing.world.participants import sample
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from orchestrator.journal.state import SagaState
    from orchestrator.testing.simulation.invariants import Invariants
    from orchestrator.testing.simulation.replicas import ReplicaProcess, SimulatedReplica
    from orchestrator.testing.simulation.sagas_under_test import SagasUnderTest
    from orchestrator.testing.simulation.timeline import Timeline


T = TypeVar("T")

_ANSWER_SECONDS: Final = 5.0
_LONGEST_WAIT: Final = 3.0
_HALF: Final = 0.5
_GIVES_UP: Final = 0.25
"""How many customers do, so that nobody looks for what they may have started."""
_MOSTLY: Final = 0.8


class Clients:
    """Customers and operators.

    Args:
        replicas: what they call.
        sagas: what customers start.
    """

    def __init__(
        self,
        replicas: Sequence[SimulatedReplica],
        sagas: SagasUnderTest,
        random: Random,
        timeline: Timeline,
        invariants: Invariants,
    ) -> None:
        self._replicas = replicas
        self._sagas = sagas
        self._random = random
        self._timeline = timeline
        self._invariants = invariants
        self._signals: list[tuple[str, Signal]] = []

    async def start(self, saga_id: str, after: float) -> None:
        """A customer starts a saga, and repeats that until a replica acknowledges it; or gives up, where one fails."""
        random = self._random
        gives_up = random.random() < _GIVES_UP
        definition, inputs = random.choice(self._sagas.starts)
        data = random.choice(inputs).SerializeToString(deterministic=True)
        priority = Priority(1 + sum(map(ord, saga_id)) % len(Priority))
        await asyncio.sleep(after)
        wait = random.choice((0.0, 0.0, random.uniform(0.0, _LONGEST_WAIT)))

        def start(replica: ReplicaProcess) -> Awaitable[SagaState]:
            # During a deploy, one that is not there yet starts the version that it has.
            request = StartSaga(saga_id, definition.name, replica.serves(definition), data, data)
            return replica.worker.start(request._replace(priority=priority), wait)

        while True:
            state = await self._ask("customer", "start", saga_id, start, lambda replica: replica.serves(definition) > 0)
            if state is not None:
                if saga_id not in self._invariants.sagas:
                    self._invariants.report(Promise.NOTHING_IS_LOST, f"{saga_id} was acknowledged, and is not durable")
                return
            if gives_up:
                return
            await asyncio.sleep(random.uniform(0.1, 1.0))

    async def operate(self, rate: float) -> None:
        """An operator does something to some saga, again and again, until cancelled."""
        random = self._random
        while rate:
            await asyncio.sleep(random.expovariate(rate))
            sagas = [*self._invariants.sagas]
            suspended = self.suspended()
            if suspended and random.random() < _HALF:
                await self.decide(random.choice(suspended))
            elif sagas:
                acts = (self.cancel, self.pause, self.retry_now, self.signal, self.signal, self.repeat_signal)
                await random.choice(acts)(random.choice(sagas))

    async def decide(self, saga_id: str) -> None:
        """An operator looks at a suspended saga, and does something about it."""
        acts = (self.resume, self.resume, self.resume, self.resolve, self.skip, self.resolve_compensation)
        await self._random.choice(acts)(saga_id)

    def suspended(self) -> list[str]:
        """The sagas that wait for an operator."""
        return [saga_id for saga_id, known in self._invariants.sagas.items() if known.state.status is Status.SUSPENDED]

    async def cancel(self, saga_id: str) -> None:
        """Have it rolled back. What an operator was promised must be durable."""
        if self._is_child(saga_id):
            return
        state = await self._ask(
            "operator",
            "cancel",
            saga_id,
            lambda replica: replica.sagas.act(Act.CANCEL, saga_id, "enough", Actor("ada")),
        )
        if state is not None and not self._invariants.sagas[saga_id].state.rollback:
            self._invariants.report(
                Promise.NOTHING_IS_LOST, f"{saga_id} was cancelled, and its rollback is not durable"
            )

    async def pause(self, saga_id: str) -> None:
        """Have it wait."""
        self._invariants.paused.add(saga_id)
        await self._ask(
            "operator", "pause", saga_id, lambda replica: replica.sagas.act(Act.PAUSE, saga_id, "wait", Actor("ada"))
        )

    async def resume(self, saga_id: str) -> None:
        """Let it go on."""
        if self._invariants.sagas[saga_id].state.status is Status.SUSPENDED:
            await self._ask(
                "operator",
                "resume",
                saga_id,
                lambda replica: replica.sagas.act(Act.RESUME, saga_id, "go", Actor("ada")),
            )

    async def retry_now(self, saga_id: str) -> None:
        """Have its next attempt made at once."""
        await self._ask(
            "operator",
            "retry_now",
            saga_id,
            lambda replica: replica.sagas.act(Act.RETRY_NOW, saga_id, "", Actor("ada")),
        )

    async def signal(self, saga_id: str) -> None:
        """Tell it something for which its code asks. What was acknowledged must be durable."""
        random, state = self._random, self._invariants.sagas[saga_id].state
        signals = self._sagas.plans[f"{state.definition} v{state.version}"].signals
        if not signals:
            return
        name = random.choice(sorted(signals))
        kind = signals[name].message
        message = Decision(approved=random.random() < _MOSTLY) if kind is Decision else sample(kind)
        payload = message.SerializeToString(deterministic=True)
        signal = Signal(f"request-{len(self._signals) + 1}", name, kind.DESCRIPTOR.full_name, payload, Actor("grace"))
        self._signals.append((saga_id, signal))
        await self._give(saga_id, signal)

    async def repeat_signal(self, _saga_id: str) -> None:
        """Repeat what was said before, be it that the answer was lost."""
        if self._signals:
            await self._give(*self._random.choice(self._signals))

    async def _give(self, saga_id: str, signal: Signal) -> None:
        told = await self._ask("colleague", "signal", saga_id, lambda replica: replica.sagas.signal(saga_id, signal))
        if told is not None and signal.request_id not in self._invariants.sagas[saga_id].state.signals:
            self._invariants.report(
                Promise.TIME_AND_SIGNALS_ARE_FACTS, f"{saga_id} was told {signal.request_id}, which is not durable"
            )

    async def skip(self, saga_id: str) -> None:
        """Let an effect stand whose compensation was refused."""
        state = self._invariants.sagas[saga_id].state
        suspension = state.suspension
        if suspension is None or state.rollback is None or suspension.step_key not in state.commands:
            return
        key = suspension.step_key
        await self._ask(
            "operator",
            "skip",
            saga_id,
            lambda replica: replica.sagas.skip_compensation(saga_id, key, "seen", Actor("ada")),
        )

    async def resolve_compensation(self, saga_id: str) -> None:
        """Say that an effect was taken back, where the participant's books say so and its answers did not."""
        state = self._invariants.sagas[saga_id].state
        suspension = state.suspension
        key = suspension.step_key if suspension is not None else ""
        entry = self._invariants.ledger.of(f"{saga_id}/{key}")
        if state.status is not Status.SUSPENDED or entry is None or not (entry.compensated or entry.kept_out):
            return
        await self._ask(
            "operator",
            "resolve_compensation",
            saga_id,
            lambda replica: replica.sagas.resolve_compensation(saga_id, key, "the books", Actor("ada")),
        )

    async def resolve(self, saga_id: str) -> None:
        """Say what came of a command in doubt, where the participant's books say that it took effect."""
        state = self._invariants.sagas[saga_id].state
        in_doubt = [command.key for command in state.commands.values() if command.in_doubt]
        known = [key for key in in_doubt if f"{saga_id}/{key}" in self._invariants.replies]
        if state.status is not Status.SUSPENDED or not known:
            return
        key = self._random.choice(known)
        reply = self._invariants.replies[f"{saga_id}/{key}"]
        await self._ask(
            "operator",
            "resolve",
            saga_id,
            lambda replica: replica.sagas.resolve_outcome(
                saga_id, key, took_effect=True, reply=reply, evidence="the books", requested_by=Actor("ada")
            ),
        )

    def _is_child(self, saga_id: str) -> bool:
        return bool(self._invariants.sagas[saga_id].state.parent_id)

    async def _ask(
        self,
        who: str,
        what: str,
        saga_id: str,
        ask: Callable[[ReplicaProcess], Awaitable[T]],
        takes_it: Callable[[ReplicaProcess], bool] = lambda _: True,
    ) -> T | None:
        """Ask a replica that seems to be there, and that takes such questions; what it answers, if it does."""
        there = [replica for replica in self._replicas if replica.answers and takes_it(replica.current)]
        if not there:
            return None
        replica = self._random.choice(there).current
        self._timeline.note(who, what, saga_id, replica.name)
        asked = replica.spawn(_answer(ask, replica))
        await asyncio.wait((asked,), timeout=_ANSWER_SECONDS)
        if not asked.done():
            self._timeline.note(who, "unanswered", what, saga_id)
            return None
        answer: T | Exception = asked.result()
        if not isinstance(answer, Exception):
            self._timeline.note(who, "was_told", what, saga_id, getattr(answer, "status", ""))
            return answer
        self._timeline.note(who, "was_told", what, saga_id, repr(answer))
        if not isinstance(answer, _EXPECTED):
            self._invariants.report(Promise.NOTHING_IS_LOST, f"{what} {saga_id} failed: {answer!r}")
        return None


_EXPECTED: Final = (JournalError, SagaNotFound, ActRefused, ActNoted, ScheduleError, Overloaded)


async def _answer(ask: Callable[[ReplicaProcess], Awaitable[T]], replica: ReplicaProcess) -> T | Exception:
    try:
        return await ask(replica)
    except Exception as error:  # noqa: BLE001 - it is looked at where it was asked
        return error
