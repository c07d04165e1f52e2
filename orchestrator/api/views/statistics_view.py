"""How the sagas and the participants fare, as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.api.views.saga_view import status_view
from orchestrator.api.views.timestamps import timestamp
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.api.admission import Admission
    from orchestrator.api.feed import SagaFeed
    from orchestrator.engine.replica.recovery import Recovery
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.ports.catalogue import SagaCount


def statistics_view(
    counts: Sequence[SagaCount], worker: Worker, admission: Admission, feed: SagaFeed
) -> api.GetStatisticsResponse:
    """The journal's counts, and this replica's view of its participants and of itself."""
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
                in_flight=breaker.in_flight,
                waiting=breaker.waiting,
                is_down=breaker.is_open,
                down_since=timestamp(breaker.down_since) if breaker.is_open else None,
            )
            for service, breaker in worker.bindings.breakers.items()
        ],
        live_sagas=len(worker.live),
        admission=_admission(admission),
        recovery=_recovery(worker.recovery),
        feed=api.FeedStatistics(watchers=feed.readers, most_watchers=feed.most),
    )


def _admission(admission: Admission) -> api.AdmissionStatistics:
    return api.AdmissionStatistics(
        in_flight=admission.in_flight,
        queued=admission.queued,
        most_in_flight=admission.limits.in_flight,
        most_queued=admission.limits.queued,
        most_live_sagas=admission.limits.live,
        refused=admission.refused,
    )


def _recovery(recovery: Recovery) -> api.RecoveryStatistics:
    return api.RecoveryStatistics(
        under_way=recovery.under_way, recovered=recovery.recovered, expected=recovery.expected
    )
