"""Opens the engine on a Temporal cluster: the client, the workers of this process, the facade.

Args come from ``bootstrap.temporal``, which alone chooses this engine; it is imported where it is chosen, not before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from temporalio import workflow
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import (
    Interceptor,
    PollerBehaviorSimpleMaximum,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from orchestrator.analysis.plan.child_command import SERVICE, child_command
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.engine.bindings.binding import DEFAULT_MOST_IN_FLIGHT, Binding, Bindings
from orchestrator.engine.bulk.sagas import BulkSagas
from orchestrator.engine.definitions import ServedSaga, ServedSagas
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.activities import Activities
from orchestrator.engine.temporal.bulk.asking import AskingSagas
from orchestrator.engine.temporal.bulk.control import BulkActsOnTemporal
from orchestrator.engine.temporal.bulk.one_saga import OneSaga
from orchestrator.engine.temporal.bulk.pages import BulkPage, Pages
from orchestrator.engine.temporal.bulk.workflow import BulkActWorkflow
from orchestrator.engine.temporal.hosting.attempts import caller_of, child_caller_of
from orchestrator.engine.temporal.hosting.ports import CommandsByActivity, NeverOpen
from orchestrator.engine.temporal.hosting.task_groups import order_task_groups
from orchestrator.engine.temporal.hosting.workflow import SERVING, SagaWorkflow
from orchestrator.engine.temporal.sagas import TemporalSagas
from orchestrator.engine.temporal.schedules.kept import running_by_hand, workers_of
from orchestrator.engine.temporal.schedules.starting import ScheduledStarts, StartScheduled
from orchestrator.journal.four_eyes import ONE_PERSON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from temporalio.client import Client

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.ports.channel import Caller, Participants
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.observer import HoldingObserver
    from orchestrator.ports.sink import Sink

    Definition = SagaDefinition[Any, Any, Any]

_log = logging.getLogger(__name__)

_CACHED_SAGAS: Final = 1_000
_POLLERS: Final = 5
"""Of the tasks of workflows. With two, sagas waited for their turn; with up to twenty, a busy server lost more tasks on
their way, and gave them out again only after ten seconds."""
_ACTIVITY_POLLERS: Final = 2
_ACTIVITIES_AT_ONCE: Final = 10_000
"""Most of them may wait for a child, which takes as long as it takes; calls are bounded for each participant."""
_THREADS: Final = 8
_CACHED_BULK_ACTS: Final = 20
_BULK_ACTS_AT_ONCE: Final = 4
_BULK_POLLERS: Final = 2
_STICKY: Final = timedelta(seconds=5)
"""How long a saga's task is kept for the process that has the saga in memory, and may be dead. Where a busy cluster
takes longer, each task costs more: the saga is replayed."""


@dataclass(frozen=True)
class WorkerOptions:
    """How the workers of this process work.

    Attributes:
        cached_sagas: how many sagas are kept in memory between their tasks; 0 replays each of them every time.
        most_events: a history with more of them goes on in a new run.
        most_in_flight: attempts that may be in flight to one participant at once.
        grace: seconds for attempts in flight when the process ends.
        four_eyes: what two people must ask for.
    """

    cached_sagas: int = _CACHED_SAGAS
    most_events: int = names.RUN_EVENTS
    most_in_flight: int = DEFAULT_MOST_IN_FLIGHT
    grace: float = 10.0
    four_eyes: FourEyes = ONE_PERSON


class Hosting(NamedTuple):
    """What the workflows of one process find; see :class:`~orchestrator.engine.temporal.hosting.serving.Serving`."""

    served: ServedSagas
    bindings: Bindings
    most_events: int


class HandOver(Interceptor):
    """Hands what this process serves to the workflows that it hosts."""

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - its base's
    ) -> type[WorkflowInboundInterceptor] | None:
        """See its base."""
        input.unsafe_extern_functions[SERVING] = lambda: self._hosting
        return None


def hosting_of(
    definitions: Sequence[Definition],
    options: WorkerOptions,
    clock: Clock,
    plan_of: Callable[[Definition], Plan] = read_plan,
) -> Hosting:
    """What workflows run: every definition over commands that are activities, and over children that are workflows."""
    bindings = Bindings(
        [definition.commands for definition in definitions],
        CommandsByActivity(caller_of),
        clock,
        make_breaker=NeverOpen,
    )
    served = ServedSagas(ServedSaga.over(definition, plan_of(definition), bindings) for definition in definitions)
    breaker = NeverOpen(clock, None, 0)
    for each in served:
        command = child_command(each.definition, each.plan)
        children = CommandsByActivity(_child_callers(each))
        bindings.add_child(each.definition, Binding(command, children, {SERVICE: breaker}))
    return Hosting(served, bindings, options.most_events)


@contextlib.asynccontextmanager
async def opened(
    client: Client,
    definitions: Sequence[Definition],
    participants: Participants,
    observer: HoldingObserver,
    clock: Clock,
    options: WorkerOptions = WorkerOptions(),
    failed: Callable[[], object] = lambda: None,
    sinks: Sequence[Sink] = (),
) -> AsyncIterator[TemporalSagas]:
    """The engine, and its workers in this process until the block is left.

    Args:
        client: of the cluster.
        definitions: what this process serves.
        participants: the way to them.
        observer: sees what is durable.
        clock: the time.
        options: how the workers work.
        failed: called where a worker has ended by itself: this process advances some sagas no more.
        sinks: whom events are told to; who closes them is the caller.
    """
    order_task_groups()
    _keep_quiet_in_replays()
    hosting = hosting_of(definitions, options, clock)
    real = Bindings(
        [definition.commands for definition in definitions], participants, clock, most_in_flight=options.most_in_flight
    )
    told = [sink.name for sink in sinks]
    sagas = TemporalSagas(client, hosting.served, hosting.bindings, real, observer, clock, told, options.four_eyes)
    activities = Activities(real, observer, clock, sagas, sinks)
    starts = ScheduledStarts(hosting.served, partial(running_by_hand, client), observer, clock, told)
    with ThreadPoolExecutor(_THREADS, "saga-workflows") as threads:
        workers = _workers(client, hosting, activities, starts, options, threads)
        workers += workers_of(client, starts, {definition for definition, _ in hosting.served.versions})
        workers.append(_bulk_worker(client, hosting, options, clock))
        running = [asyncio.ensure_future(worker.run()) for worker in workers]
        for each in running:
            each.add_done_callback(partial(_note_end, failed))
        try:
            yield sagas
        finally:
            for breaker in real.breakers.values():
                breaker.shut()
            await asyncio.gather(*(worker.shutdown() for worker in workers))
            await asyncio.gather(*running, return_exceptions=True)


def _workers(
    client: Client,
    hosting: Hosting,
    activities: Activities,
    starts: ScheduledStarts,
    options: WorkerOptions,
    threads: ThreadPoolExecutor,
) -> list[Worker]:
    """One for each version of each definition: it takes nothing else."""
    return [
        Worker(
            client,
            task_queue=names.queue_of(*of),
            workflows=[SagaWorkflow, StartScheduled],
            activities=[*activities.all(), starts.decide],
            workflow_runner=UnsandboxedWorkflowRunner(),
            workflow_task_executor=threads,
            interceptors=[HandOver(hosting)],
            max_cached_workflows=options.cached_sagas,
            max_concurrent_activities=_ACTIVITIES_AT_ONCE,
            workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(_POLLERS),
            activity_task_poller_behavior=PollerBehaviorSimpleMaximum(_ACTIVITY_POLLERS),
            sticky_queue_schedule_to_start_timeout=_STICKY,
            graceful_shutdown_timeout=timedelta(seconds=options.grace),
            deployment_config=_this_program(),
        )
        for of in sorted(hosting.served.versions)
    ]


def _bulk_worker(client: Client, hosting: Hosting, options: WorkerOptions, clock: Clock) -> Worker:
    """Carries bulk acts on, whatever their sagas are: any worker of the namespace does."""
    pages = Pages(client)
    sagas = BulkSagas(OneSaga(client, hosting, clock, options.four_eyes), clock)
    asking = AskingSagas(BulkActsOnTemporal(client, pages, clock), pages, sagas, clock)
    return Worker(
        client,
        task_queue=names.BULK_QUEUE,
        workflows=[BulkActWorkflow, BulkPage],
        activities=[asking.ask, asking.close],
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[HandOver(hosting)],
        max_cached_workflows=min(_CACHED_BULK_ACTS, options.cached_sagas),
        max_concurrent_activities=_BULK_ACTS_AT_ONCE,
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(_BULK_POLLERS),
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(1),
        sticky_queue_schedule_to_start_timeout=_STICKY,
        graceful_shutdown_timeout=timedelta(seconds=options.grace),
        deployment_config=_this_program(),
    )


def _this_program() -> WorkerDeploymentConfig:
    """What runs here, for Temporal's own tools. Without it, the client reads all modules at each start, for seconds."""
    here = WorkerDeploymentVersion("orchestrator", version("saga-orchestrator"))
    return WorkerDeploymentConfig(here, use_worker_versioning=False)


def _note_end(failed: Callable[[], object], run: asyncio.Future[None]) -> None:
    if not run.cancelled() and (error := run.exception()) is not None:
        _log.critical("a worker of Temporal has failed; this process should be started again", exc_info=error)
        failed()


def _child_callers(served: ServedSaga) -> Callable[[Command], Caller]:
    return lambda command: child_caller_of(command, served)


class _NotInReplays(logging.Filter):
    """What a replay says again was said before."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - its base's
        """Whether it is said for the first time."""
        return not (workflow.in_workflow() and workflow.unsafe.is_replaying())


_QUIET: Final = _NotInReplays()


def _keep_quiet_in_replays() -> None:
    """Log what a run says once, however often its workflow is replayed."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("orchestrator.engine.") and isinstance(logger, logging.Logger):
            logger.addFilter(_QUIET)
