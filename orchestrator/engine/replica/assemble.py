"""Puts a replica together from its adapters: in production, in tests and in the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.engine.bindings.binding import DEFAULT_MOST_IN_FLIGHT, Bindings
from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
from orchestrator.engine.definitions import ServedSaga, ServedSagas
from orchestrator.engine.replica.children import add_children
from orchestrator.engine.replica.replica import Replica
from orchestrator.engine.replica.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.journal.acts import Act
    from orchestrator.ports.adapters import Adapters

DEFAULT_LEASE_SECONDS: Final = 15.0


def assemble(
    definitions: Sequence[SagaDefinition[Any, Any, Any]],
    adapters: Adapters,
    *,
    owner: str,
    lease: float = DEFAULT_LEASE_SECONDS,
    most_in_flight: int = DEFAULT_MOST_IN_FLIGHT,
    plan_of: Callable[[SagaDefinition[Any, Any, Any]], Plan] = read_plan,
    four_eyes: frozenset[Act] = frozenset(),
) -> Replica:
    """A replica that serves these definitions, each also as a child of another; it has recovered nothing yet.

    Args:
        definitions: what it serves.
        adapters: what stands behind its ports.
        owner: its name, of its own for each process.
        lease: seconds after which others may take over when it falls silent.
        most_in_flight: calls that may be in flight to one participant at once, and children at once.
        plan_of: reads the plan of a definition; for those who have it already.
        four_eyes: which of resolve and skip two people must ask for.
    """
    bindings = Bindings(
        [definition.commands for definition in definitions],
        adapters.participants,
        adapters.clock,
        most_in_flight=most_in_flight,
    )
    served = ServedSagas(ServedSaga.over(definition, plan_of(definition), bindings) for definition in definitions)
    worker = Worker(served, bindings, adapters, owner=owner, lease=lease)
    add_children(worker, CircuitBreaker(adapters.clock, _always_serving, most_in_flight))
    return Replica(worker, four_eyes)


async def _always_serving() -> bool:
    return True
