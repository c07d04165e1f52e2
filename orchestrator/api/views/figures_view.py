"""How the sagas fare over time, and what waits for a person or was given up, as the API shows it."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from orchestrator.api.guidance.advice import DEAD_COMMANDS
from orchestrator.api.views.saga_view import status_view
from orchestrator.api.views.timestamps import duration, timestamp
from orchestrator.ports.figure_sums import summed
from orchestrator.ports.figures import LATENCY_BOUNDS
from saga.v1 import figures_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.duration_pb2 import Duration

    from orchestrator.ports.dead_commands import FoundDeadCommands
    from orchestrator.ports.figures import Counted, SuspendedGroup, Window

_SECOND = 1_000_000_000


def figures_view(window: Window, counted: Sequence[Counted]) -> api.GetFiguresResponse:
    """Each step in which something was counted, and the whole window; each by definition."""
    by_definition = sorted(counted, key=attrgetter("definition"))
    return api.GetFiguresResponse(
        steps=[
            _step_view(at, definition, of)
            for (at, definition), of in groupby(counted, key=attrgetter("at", "definition"))
        ],
        totals=[
            _step_view(window.since, definition, of)
            for definition, of in groupby(by_definition, key=attrgetter("definition"))
        ],
    )


def suspended_view(groups: Iterable[SuspendedGroup]) -> api.ListSuspendedGroupsResponse:
    """What waits for an operator, by what it waits for."""
    return api.ListSuspendedGroupsResponse(
        groups=[
            api.SuspendedGroup(
                definition=group.definition,
                failed_command=group.command,
                reason_code=group.code,
                count=group.number,
                oldest_since=timestamp(group.since),
            )
            for group in groups
        ]
    )


def dead_commands_view(found: FoundDeadCommands) -> api.ListDeadCommandsResponse:
    """What participants have given up, and what helps."""
    return api.ListDeadCommandsResponse(
        counts=[
            api.DeadCommandCount(service=service, count=number, until=timestamp(found.until[service]))
            for service, number in found.numbers.items()
        ],
        newest=[
            api.DeadCommand(
                at=timestamp(each.at),
                service=each.service,
                method=each.method,
                saga_id=each.saga_id,
                idempotency_key=each.idempotency_key,
                error=each.error,
                deliveries=each.deliveries,
                id=each.id,
            )
            for each in found.newest
        ],
        unread=found.unread,
        advice=DEAD_COMMANDS if found.numbers else "",
    )


def _step_view(at: int, definition: str, counted: Iterable[Counted]) -> api.StepFigures:
    figures = summed(counted)
    numbers = figures.latencies.numbers
    return api.StepFigures(
        at=timestamp(at),
        definition=definition,
        started=figures.started,
        ended=[
            api.EndedFigure(status=status_view(status), count=number)
            for status, number in sorted(figures.ended.items(), key=lambda item: item[0].value)
        ],
        median=_quantile(figures.latencies.quantile(0.5)),
        p95=_quantile(figures.latencies.quantile(0.95)),
        latencies=[_latency_view(bucket, numbers[bucket]) for bucket in sorted(numbers)],
        failures=[
            api.FailureFigure(failed_command=each.command, reason_code=each.code, count=each.number)
            for each in figures.failures
        ],
    )


def _latency_view(bucket: int, number: int) -> api.LatencyFigure:
    return api.LatencyFigure(
        at_least=duration(LATENCY_BOUNDS[bucket - 1] if bucket else 0),
        below=duration(LATENCY_BOUNDS[bucket]) if bucket < len(LATENCY_BOUNDS) else None,
        count=number,
    )


def _quantile(seconds: float | None) -> Duration | None:
    return None if seconds is None else duration(round(seconds * _SECOND))
