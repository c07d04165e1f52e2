"""One orchestrator of a rehearsal: a worker of the engine, and its way to the participants."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from orchestrator.engine.bindings.binding import DEFAULT_MOST_IN_FLIGHT, Binding
from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
from orchestrator.engine.replica.assemble import assemble
from orchestrator.ports.adapters import Adapters
from orchestrator.testing.world.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.command import Command
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Caller
    from orchestrator.ports.journal import Journal
    from orchestrator.testing.matrix.scenario_run import SagaUnderTest
    from orchestrator.testing.mock.calls import Metadata

_DRAW: Final = 0.5


class Network(Protocol):
    """Brings deliveries to the participants."""

    async def send(
        self,
        owner: str,
        command: Command,
        request: bytes,
        metadata: Metadata,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Outcome:
        """One attempt of one replica; see :class:`orchestrator.ports.channel.Caller`."""

    async def is_serving(self) -> bool:
        """Whether the participants say that they serve."""


class Replica:
    """One orchestrator.

    Attributes:
        name: under which it claims sagas.
        worker: advances them.
        operations: what can be done to them.
    """

    def __init__(self, name: str, saga_under_test: SagaUnderTest, journal: Journal, network: Network) -> None:
        self.name = name
        clock = VirtualClock()
        participants = _Participants(name, network)
        adapters = Adapters(journal, participants, _Unobserved(), clock, lambda: _DRAW)
        replica = assemble([saga_under_test.definition], adapters, owner=name, plan_of=lambda _: saga_under_test.plan)
        self.worker, self.acts = replica.worker, replica.acts
        for issue in saga_under_test.children:
            assert issue.child is not None
            breaker = CircuitBreaker(clock, network.is_serving, DEFAULT_MOST_IN_FLIGHT, issue.command.name)
            self.worker.bindings.add_child(issue.child, Binding(issue.command, participants, breaker))


class _Participants:
    """See :class:`orchestrator.ports.channel.Participants`."""

    def __init__(self, owner: str, network: Network) -> None:
        self._owner = owner
        self._network = network

    def caller(self, command: Command) -> Caller:
        """The way to one command."""
        return partial(self._network.send, self._owner, command)

    async def is_serving(self, service: str) -> bool:  # noqa: ARG002 - they are up and down together
        """Whether a participant says that it serves."""
        return await self._network.is_serving()


class _Unobserved:
    """See :class:`orchestrator.ports.observer.Observer`."""

    def samples(self, saga_id: str, traceparent: str) -> bool:  # noqa: ARG002 - see the port
        """Nothing is traced."""
        return False

    def journalled(self, saga_id: str, entries: Sequence[Entry]) -> None:
        """Nobody looks."""

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:
        """Nobody looks."""
