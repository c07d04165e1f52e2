"""Durable sagas over plain gRPC.

What a saga's module needs::

    from orchestrator import CommandRejected, SagaRejected, best_effort, child, saga, saga_id, scope

Saga code runs again from the top when it is recovered, and must then do the same. So it draws the time and chance
from its journal, under names that tell what they replace::

    import orchestrator

    orchestrator.now()     # instead of datetime.now()
    orchestrator.random()  # instead of random.random()
    orchestrator.uuid4()   # instead of uuid.uuid4()

waits for a time, a signal or a decision, for days if need be::

    await orchestrator.sleep(timedelta(days=2))
    payment = await orchestrator.signal("paid", Payment, timeout=timedelta(days=7))
    decision = await orchestrator.approval(timeout=timedelta(hours=24))
    async with orchestrator.timeout(timedelta(minutes=5)): ...

tells others what happened, once nothing can make it untrue::

    await orchestrator.publish(OrderPlaced(order_id=...))

and runs another saga as a part of itself with ``await child(fulfil_order, FulfilmentRequest(...))``. Above its first
saga it may name an overlay, for contracts that are not ours to edit: ``use_overlay("overlay.yaml")``.

Public too are the errors, a replica in a process of one's own, and the testing kit::

    from orchestrator.bootstrap import OpenedReplica, opened
    from orchestrator.errors import SagaNotCompleted
    from orchestrator.settings import Settings, read_settings
    from orchestrator.testing.conformance import CheckFinding, Example, Examples, OverHttp, Report, check_participant
    from orchestrator.testing.matrix import Cell, Matrix, fault_matrix

and the guard for a participant, which is told in ``orchestrator.participant``::

    from orchestrator.participant import DEFINITE, GuardRefusal, Kind, Refusal, Rejection, connection, table_ddl
    from orchestrator.participant.aio import GuardInterceptor
    from orchestrator.participant.asgi import App, GuardMiddleware
    from orchestrator.participant.drivers import DriverRecords
    from orchestrator.participant.engines import AsyncEngineRecords, EngineRecords, guard_table
    from orchestrator.participant.threads import GuardInterceptor

A participant needs nothing else of all this. So the names of this module are imported when they are first used
(PEP 562).

Everything else may change from one release to the next. ``tests/typing`` proves this list.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.definition.context import best_effort, child, now, random, saga_id, scope, uuid4
    from orchestrator.definition.overlays import use_overlay
    from orchestrator.definition.publishing import publish
    from orchestrator.definition.saga import saga
    from orchestrator.definition.waiting import approval, signal, sleep, sleep_until, timeout
    from orchestrator.errors import (
        CommandRejected,
        CommandUnknown,
        OrchestratorError,
        SagaRejected,
        SignalTimedOut,
        TimeLimitPassed,
    )
else:
    # Hidden from type checkers, for which a module that has this function has every name.
    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        homes = map(import_module, (f"orchestrator.{home}" for home in _HOMES))
        value = next(getattr(home, name) for home in homes if hasattr(home, name))
        globals()[name] = value
        return value


_HOMES = ("errors", *(f"definition.{home}" for home in ("saga", "context", "overlays", "waiting", "publishing")))

__all__ = [
    "CommandRejected",
    "CommandUnknown",
    "OrchestratorError",
    "SagaRejected",
    "SignalTimedOut",
    "TimeLimitPassed",
    "approval",
    "best_effort",
    "child",
    "now",
    "publish",
    "random",
    "saga",
    "saga_id",
    "scope",
    "signal",
    "sleep",
    "sleep_until",
    "timeout",
    "use_overlay",
    "uuid4",
]
