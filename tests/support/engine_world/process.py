"""One replica of the engine, which a test can kill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from orchestrator.engine.replica.assemble import assemble
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.ports.adapters import Adapters
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.queue import QueueConnection
from orchestrator.testing.world.switched_journal import SwitchedJournal
from orchestrator.testing.world.virtual_loop import Process
from tests.support.engine_world.definitions import ORDER, SAGA, order_of, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.replica.capacity.limits import Limits
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.observer import Observer
    from orchestrator.store.memory.journal import MemoryJournal
    from orchestrator.testing.world.clock import JumpingClock
    from orchestrator.testing.world.network import Network
    from orchestrator.testing.world.queue import VirtualQueue
    from tests.support.engine_world.definitions import Definition


class EngineProcess:
    """One replica, which a test can kill.

    Attributes:
        process: what it runs in; here it only knows whether it has crashed.
        journal: its connection to the journal.
        sagas: the facade over its sagas.
        worker: what it runs.
        acts: what can be done to its sagas.
    """

    def __init__(
        self,
        name: str,
        journal: MemoryJournal,
        participants: Network,
        definitions: Sequence[Definition],
        observer: Observer,
        clock: JumpingClock,
        limits: Limits,
        four_eyes: FourEyes = ONE_PERSON,
        queue: VirtualQueue | None = None,
        *,
        tells_life: bool = False,
    ) -> None:
        self.process = Process(name)
        beneath = journal.handle() if journal.shared else journal
        self.journal = SwitchedJournal(beneath, self.process)
        ticking = cast("Clock", clock)  # it is one, but for what cancelling a task answers, which nobody reads
        by_queue = None if queue is None else QueueConnection(queue, self.process, ticking)
        connection = by_queue or NetworkConnection(participants, self.process)
        adapters = Adapters(self.journal, connection, observer, ticking, lambda: 0.5, by_queue)
        self.sagas = assemble(
            definitions,
            adapters,
            owner=name,
            lease=60.0,
            limits=limits,
            plan_of=plan_of,
            four_eyes=four_eyes,
            tells_life=tells_life,
        )
        self.worker, self.acts = self.sagas.worker, self.sagas.acts

    @property
    def is_dead(self) -> bool:
        """It was killed, or its journal was cut."""
        return self.process.crashed

    async def run(self, message: Any = ORDER, saga_id: str = SAGA) -> SagaState:  # noqa: ANN401 - any message
        """Start a saga and wait until it has ended or is suspended."""
        (served,) = {saga.definition.name: saga for saga in self.worker.served}.values()
        return await self.worker.start(order_of(served.definition, message, saga_id), wait=1e6)

    def kill(self) -> None:
        self.process.crash()
