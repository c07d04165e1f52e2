"""How the sagas and the participants fare, as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.api.views.saga_view import status_view
from orchestrator.api.views.timestamps import timestamp
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.sagas import Load, Loads, ParticipantHealth, RecoveryProgress, Sagas
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
        counts=map(_count, counts),
        participants=map(_participant, sagas.participants()),
        live_sagas=sagas.live,
        admission=admission,
        recovery=_recovery(sagas.recovery()),
        feed=feed,
        unclaimed=map(_unclaimed, unclaimed),
        loads=map(_load, loads.definitions),
    )


def _count(count: SagaCount) -> api.SagaCount:
    return api.SagaCount(
        definition=count.definition,
        status=status_view(count.status),
        count=count.number,
        oldest_started_at=timestamp(count.oldest_started_at),
    )


def _participant(health: ParticipantHealth) -> api.ParticipantStatistics:
    return api.ParticipantStatistics(
        service=health.service,
        in_flight=health.in_flight,
        waiting=health.waiting,
        is_down=bool(health.down_since),
        down_since=timestamp(health.down_since) if health.down_since else None,
        rate=str(health.rate or ""),
    )


def _unclaimed(count: UnclaimedCount) -> api.UnclaimedSagas:
    return api.UnclaimedSagas(
        definition=count.definition,
        version=count.version,
        count=count.number,
        oldest_started_at=timestamp(count.oldest_started_at),
    )


def _load(load: Load) -> api.DefinitionLoad:
    return api.DefinitionLoad(
        definition=load.definition,
        live=load.live,
        most_live=load.most_live,
        queued=load.queued,
        most_queued=load.most_queued,
        oldest_queued_at=timestamp(load.oldest_queued_at) if load.oldest_queued_at else None,
    )


def _recovery(recovery: RecoveryProgress) -> api.RecoveryStatistics:
    return api.RecoveryStatistics(
        under_way=recovery.under_way, recovered=recovery.recovered, expected=recovery.expected
    )
