"""Puts a replica together from its adapters: in production, in tests and in the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.engine.bindings.binding import Bindings
from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
from orchestrator.engine.bindings.rate_limit import RateLimit
from orchestrator.engine.definitions import ServedSaga, ServedSagas
from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.engine.replica.children import add_children
from orchestrator.engine.replica.replica import Replica
from orchestrator.engine.replica.worker import Worker
from orchestrator.journal.four_eyes import ONE_PERSON

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.ports.adapters import Adapters

DEFAULT_LEASE_SECONDS: Final = 15.0
DEFAULT_LIMITS: Final = Limits()


def assemble(
    definitions: Sequence[SagaDefinition[Any, Any, Any]],
    adapters: Adapters,
    *,
    owner: str,
    lease: float = DEFAULT_LEASE_SECONDS,
    limits: Limits = DEFAULT_LIMITS,
    plan_of: Callable[[SagaDefinition[Any, Any, Any]], Plan] = read_plan,
    four_eyes: FourEyes = ONE_PERSON,
    tells_life: bool = False,
) -> Replica:
    """A replica that serves these definitions, each also as a child of another; it has recovered nothing yet.

    Args:
        definitions: what it serves.
        adapters: what stands behind its ports.
        owner: its name, of its own for each process.
        lease: seconds after which others may take over when it falls silent.
        limits: how much is done at once.
        plan_of: reads the plan of a definition; for those who have it already.
        four_eyes: what two people must ask for.
        tells_life: what happens to each saga is told as an event, for there is somebody to be told.
    """
    bindings = Bindings(
        [definition.commands for definition in definitions],
        adapters.participants,
        adapters.clock,
        most_in_flight=limits.in_flight,
        rate_limits={
            name: RateLimit(name, rate, adapters.journal, adapters.clock) for name, rate in limits.rates.items()
        },
    )
    served = ServedSagas(ServedSaga.over(definition, plan_of(definition), bindings) for definition in definitions)
    worker = Worker(served, bindings, adapters, owner=owner, lease=lease, limits=limits)
    worker.live.tells_life = tells_life
    add_children(worker, CircuitBreaker(adapters.clock, _always_serving, limits.in_flight))
    return Replica(worker, four_eyes)


async def _always_serving() -> bool:
    return True
