"""How the sagas and the participants fare, as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.api.views.saga_view import status_view
from orchestrator.api.views.timestamps import timestamp
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.sagas import Loads, RecoveryProgress, Sagas
    from orchestrator.ports.catalogue import SagaCount, UnclaimedCount


def statistics_view(
    counts: Sequence[SagaCount],
    unclaimed: Sequence[UnclaimedCount],
    loads: Loads,
    sagas: Sagas,
    admission: api.AdmissionStatistics,
    feed: api.FeedStatistics,
) -> api.GetStatisticsResponse:
    """The journal's counts, and this replica's view of its participants and of itself."""
    admission.most_live_sagas, admission.most_queued_sagas = loads.most_live, loads.most_queued
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
                service=each.service,
                in_flight=each.in_flight,
                waiting=each.waiting,
                is_down=bool(each.down_since),
                down_since=timestamp(each.down_since) if each.down_since else None,
                rate=str(each.rate or ""),
            )
            for each in sagas.participants()
        ],
        live_sagas=sagas.live,
        admission=admission,
        recovery=_recovery(sagas.recovery()),
        feed=feed,
        unclaimed=[
            api.UnclaimedSagas(
                definition=each.definition,
                version=each.version,
                count=each.number,
                oldest_started_at=timestamp(each.oldest_started_at),
            )
            for each in unclaimed
        ],
        loads=[
            api.DefinitionLoad(
                definition=each.definition,
                live=each.live,
                most_live=each.most_live,
                queued=each.queued,
                most_queued=each.most_queued,
                oldest_queued_at=timestamp(each.oldest_queued_at) if each.oldest_queued_at else None,
            )
            for each in loads.definitions
        ],
    )


def _recovery(recovery: RecoveryProgress) -> api.RecoveryStatistics:
    return api.RecoveryStatistics(
        under_way=recovery.under_way, recovered=recovery.recovered, expected=recovery.expected
    )
