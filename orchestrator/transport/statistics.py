"""How the sagas and the participants fare, as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.transport.instants import timestamp
from orchestrator.transport.views import status_view
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.ports import SagaCount
    from orchestrator.engine.worker import Worker


def statistics_view(counts: Sequence[SagaCount], worker: Worker) -> api.GetStatisticsResponse:
    """The journal's counts, and this replica's view of its participants."""
    return api.GetStatisticsResponse(
        counts=[
            api.SagaCount(
                definition=count.definition,
                status=status_view(count.status),
                count=count.number,
                oldest_started_at=timestamp(count.oldest_started_at),
            )
            for count in counts
        ],
        participants=[
            api.ParticipantStatistics(
                service=service,
                in_flight=gate.in_flight,
                waiting=gate.waiting,
                is_down=gate.is_open,
                down_since=timestamp(gate.down_since) if gate.is_open else None,
            )
            for service, gate in worker.bindings.gates.items()
        ],
        live_sagas=len(worker.live),
    )
