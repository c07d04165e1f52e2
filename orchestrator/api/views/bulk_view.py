"""A bulk act, and what came of it for one saga, as the API's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.api.views.timestamps import timestamp
from orchestrator.journal.acts import Act
from saga.v1 import bulk_pb2
from saga.v1.saga_service_pb2 import SagaFilter

if TYPE_CHECKING:
    from orchestrator.ports.bulk_acts import BulkAct, BulkSaga

ACTIONS: Final = {
    bulk_pb2.ACTION_CANCEL: Act.CANCEL,
    bulk_pb2.ACTION_PAUSE: Act.PAUSE,
    bulk_pb2.ACTION_RESUME: Act.RESUME,
    bulk_pb2.ACTION_RETRY_NOW: Act.RETRY_NOW,
    bulk_pb2.ACTION_RESOLVE_OUTCOME: Act.RESOLVE_OUTCOME,
    bulk_pb2.ACTION_RESOLVE_COMPENSATION: Act.RESOLVE_COMPENSATION,
    bulk_pb2.ACTION_SKIP_COMPENSATION: Act.SKIP_COMPENSATION,
}
"""The acts that can be done to many sagas."""

_NUMBERS: Final = {act: number for number, act in ACTIONS.items()}


def bulk_act_view(act: BulkAct) -> bulk_pb2.BulkAct:
    """The bulk act; a reply that somebody gave for a command is not told."""
    view = bulk_pb2.BulkAct(
        bulk_act_id=act.bulk_id,
        status=bulk_pb2.BulkActStatus.ValueType(act.status.value),
        action=_NUMBERS[act.act],
        filter=SagaFilter.FromString(act.asked_for),
        prepared_at=timestamp(act.prepared_at),
        prepared_by=act.prepared_by.name,
        total=act.total,
        to_do=act.to_do,
        counts=[
            bulk_pb2.BulkCount(answer=bulk_pb2.BulkAnswer.ValueType(answer.value), count=number)
            for answer, number in act.counts.items()
        ],
        started_by=act.started_by.name if act.started_by else "",
        reason=act.why,
        stopped_by=act.stopped_by.name if act.stopped_by else "",
    )
    if act.decision is not None:
        said = bulk_pb2.CommandDecision(key=act.decision.key, took_effect=act.decision.took_effect)
        view.decision.CopyFrom(said)
    for name, instant in (("started_at", act.started_at), ("ended_at", act.ended_at), ("expires_at", act.expires_at)):
        if instant is not None:
            getattr(view, name).CopyFrom(timestamp(instant))
    return view


def bulk_result_view(saga: BulkSaga) -> bulk_pb2.BulkResult:
    """What came of a bulk act for one saga."""
    view = bulk_pb2.BulkResult(
        position=saga.position,
        saga_id=saga.saga_id,
        answer=bulk_pb2.BulkAnswer.ValueType(saga.answer.value),
        reason=saga.reason,
        message=saga.message,
    )
    if saga.answered_at:
        view.answered_at.CopyFrom(timestamp(saga.answered_at))
    return view
