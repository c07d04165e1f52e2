"""One orchestrator of a run: the engine in a process that the script can kill."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.engine.bindings.binding import DEFAULT_MOST_IN_FLIGHT, Binding
from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
from orchestrator.engine.replica.assemble import assemble
from orchestrator.ports.adapters import Adapters
from orchestrator.testing.world.clock import VirtualClock
from orchestrator.testing.world.observer import NullObserver
from orchestrator.testing.world.queue import QueueConnection

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from orchestrator.ports.journal import Journal
    from orchestrator.testing.matrix.saga_under_test import SagaUnderTest
    from orchestrator.testing.world.network import NetworkConnection
    from orchestrator.testing.world.virtual_loop import Process

T = TypeVar("T")

_DRAWN: Final = 0.5
"""What the random source of every orchestrator says."""


class Orchestrator:
    """One orchestrator of a run: the engine in a process that the script can kill.

    Attributes:
        process: what it runs in.
        worker: advances the saga.
        acts: what can be done to the saga.
        signals: what can be said to it.
    """

    def __init__(
        self,
        process: Process,
        journal: Journal,
        connection: NetworkConnection | QueueConnection,
        saga_under_test: SagaUnderTest,
    ) -> None:
        self.process = process
        clock = VirtualClock()
        answers = connection if isinstance(connection, QueueConnection) else None
        adapters = Adapters(journal, connection, NullObserver(), clock, lambda: _DRAWN, answers)
        replica = assemble(
            [saga_under_test.definition], adapters, owner=process.name, plan_of=lambda _: saga_under_test.plan
        )
        self.worker, self.acts, self.signals = replica.worker, replica.acts, replica.signals
        for issue in saga_under_test.children:
            assert issue.child is not None
            name = issue.command.name
            breaker = CircuitBreaker(clock, partial(_serves, connection, name), DEFAULT_MOST_IN_FLIGHT, name)
            self.worker.bindings.add_child(issue.child, Binding(issue.command, connection, {SERVICE: breaker}))

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something in this orchestrator."""
        return self.process.spawn(work)


async def _serves(connection: NetworkConnection | QueueConnection, service: str) -> bool:
    return bool(await connection.is_serving(service))
