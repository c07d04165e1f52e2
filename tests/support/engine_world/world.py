"""The world itself: one journal, and the replicas that share it."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from orchestrator.contract.command import Effect
from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.engine.run.commands.command_execution import NOT_SENT
from orchestrator.engine.run.sending.queued_attempts import REST_AFTER_SECONDS
from orchestrator.journal.entries import CommandRefused, EventPublished
from orchestrator.journal.fold import fold
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.journal.outbox import outbox_of
from orchestrator.journal.state import ENDED, SagaState, Status
from orchestrator.store.memory.journal import MemoryJournal, MemoryState
from orchestrator.testing.world.clock import JumpingClock
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.queue import VirtualQueue
from tests.support.engine_world.definitions import ORDER, SAGA, order_of
from tests.support.engine_world.process import EngineProcess
from tests.support.engine_world.turns import turns, until

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.engine.sagas import StartSaga
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.clock import Clock
    from orchestrator.testing.world.participants import ReceivedCall
    from tests.support.engine_world.definitions import Definition


class EngineWorld:
    """A journal, participants, and as many processes, at once or one after another, as a test needs.

    Args:
        definitions: the sagas.
        shared: the processes know that there are others. Then no time passes but in :meth:`let_pass`, because they look
            again and again for what the others want.

    Attributes:
        limits: what the next processes may do at once.
        four_eyes: what two people must ask the next processes for.
        queue: by which the next processes reach the participants; ``None`` for calls.
        tells_life: the next processes tell the life of their sagas.
    """

    def __init__(self, *definitions: Definition, shared: bool = False) -> None:
        self.definitions = definitions
        self.participants = ScriptedParticipants()
        self.participants.on_call = self._note_call
        self.clock = JumpingClock()
        self.journal = MemoryJournal(self.clock.now, MemoryState() if shared else None)
        self.observer = RecordingObserver()
        self.processes: list[EngineProcess] = []
        self.broken_promises: list[str] = []
        self.limits = Limits()
        self.four_eyes = ONE_PERSON
        self.queue: VirtualQueue | None = None
        self.tells_life = False
        self._owners = itertools.count(1)
        if shared:
            self.clock.hold_from = 0.0

    def by_queue(self) -> VirtualQueue:
        """Reach the participants over a queue from now on; an answer may take any number of turns."""
        self.clock.hold_from = REST_AFTER_SECONDS
        self.queue = VirtualQueue(self.participants, cast("Clock", self.clock))
        return self.queue

    async def let_pass(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass in a shared world, in small steps, and everything happen that is due in between."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await turns()

    def process(self, *definitions: Definition, clock: JumpingClock | None = None) -> EngineProcess:
        """A new replica; of other code than the world's, and with a clock of its own, if given."""
        definitions = definitions or self.definitions
        name = f"replica-{next(self._owners)}"
        process = EngineProcess(
            name,
            self.journal,
            self.participants,
            definitions,
            self.observer,
            clock or self.clock,
            self.limits,
            self.four_eyes,
            self.queue,
            tells_life=self.tells_life,
        )
        self.processes.append(process)
        return process

    def worker(self) -> Worker:
        """The worker of a new replica."""
        return self.process().worker

    def order(self, message: Any = ORDER, saga_id: str = SAGA) -> StartSaga:  # noqa: ANN401 - any message
        """What starts a saga of the world's first definition."""
        return order_of(self.definitions[0], message, saga_id)

    async def open(self, *definitions: Definition) -> EngineProcess:
        """A new replica that has recovered what no replica advances."""
        process = self.process(*definitions)
        await process.worker.open()
        return process

    async def recover(self, *definitions: Definition) -> EngineProcess:
        """Kill every replica, and open a new one."""
        self.crash()
        return await self.open(*definitions)

    def crash(self) -> None:
        """Every replica is killed; its leases lapse."""
        for process in self.processes:
            process.kill()
        self.journal._alive_until.clear()

    def entries(self, saga_id: str = SAGA) -> list[Entry]:
        """What is durable."""
        kept = self.journal._sagas.get(saga_id)
        return list(kept.entries) if kept else []

    def told(self) -> list[OutboxEvent]:
        """What stands in the outbox, in its order."""
        return list(self.journal._outbox.events.values())

    def state(self, saga_id: str = SAGA) -> SagaState:
        """The state to which the durable entries lead."""
        return fold(saga_id, self.entries(saga_id))

    async def stopped(self, saga_id: str = SAGA) -> SagaState:
        """The saga once it has durably ended or is suspended."""
        await until(lambda: self.state(saga_id).status in {*ENDED, Status.SUSPENDED})
        return self.state(saga_id)

    async def end(self) -> None:
        """End every task of the test."""
        self.crash()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _note_call(self, command: Command, call: ReceivedCall) -> None:
        """Hold every attempt against what must be durable before it."""
        saga_id = call.metadata["saga-id"]
        key = call.key.removeprefix(f"{saga_id}/")
        state = self.state(saga_id)
        if "compensates" in call.metadata:
            of = call.metadata["compensates"].removeprefix(f"{saga_id}/")
            if not state.rollback and (of not in state.commands or state.commands[of].compensation is None):
                self.broken_promises.append(f"{call.key} was sent before the rollback was durable")
        elif command.effect is not Effect.QUERY and key not in state.commands:
            self.broken_promises.append(f"{call.key} was sent before its intent was durable")

    def check_promises(self) -> None:
        """No attempt was sent too early, and the observer was told what is durable, in order, once."""
        assert not self.broken_promises
        for saga_id in self.journal._sagas:
            for entry in self.entries(saga_id):
                is_unsent = isinstance(entry, CommandRefused) and entry.failure.reason == NOT_SENT
                assert (getattr(entry, "attempt", 1) == 0) is is_unsent, entry
                assert 0 < getattr(entry, "started_at", 1) <= entry.at, entry
        for saga_id, seen in self.observer.entries.items():
            durable = Counter(self.entries(saga_id))
            assert not Counter(seen) - durable, "the observer was told of what is not durable, or twice"
        publish = any(isinstance(entry, EventPublished) for each in self.journal._sagas for entry in self.entries(each))
        if (publish or self.told()) and not self.journal._tombstones:  # else the journal that told them may be gone
            telling = [outbox_of(each, self.entries(each), 0, tells_life=False) for each in self.journal._sagas]
            told = Counter(event for event in self.told() if not event.type.startswith("saga.v1."))
            assert told == Counter(event for events in telling for event in events), "the outbox is not what is durable"
