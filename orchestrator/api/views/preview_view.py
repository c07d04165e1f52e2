"""What a rollback would do now, as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.api.views.journal_view import pack
from orchestrator.engine.replica.cancellation import refuse_cancel
from orchestrator.engine.run.preview import preview
from orchestrator.errors import CancelRefused
from orchestrator.journal.compensation_plan import plan_compensations
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from orchestrator.engine.bindings.bindings import Bindings
    from orchestrator.engine.run.preview import PlannedCompensation
    from orchestrator.journal.state import SagaState


def preview_view(state: SagaState, bindings: Bindings) -> api.PreviewRollbackResponse:
    """The compensations in their order, and what would stand."""
    refusal = _refusal(state)
    standing = plan_compensations(state).standing
    return api.PreviewRollbackResponse(
        possible=not refusal,
        refusal=refusal,
        compensations=[_planned(planned) for planned in preview(state, bindings)],
        standing=[
            api.StandingEffect(
                key=command.key, method=command.method, message=f"{command.effect.name.lower()}: nothing takes it back"
            )
            for command in standing
        ],
    )


def _refusal(state: SagaState) -> str:
    try:
        refuse_cancel(state)
    except CancelRefused as error:
        return str(error)
    return ""


def _planned(planned: PlannedCompensation) -> api.PlannedCompensation:
    return api.PlannedCompensation(
        key=planned.command.key,
        method=planned.command.method,
        compensation=planned.compensation,
        in_doubt=planned.in_doubt,
        request=None if planned.request is None else pack(planned.request),
        obstacle=planned.obstacle,
    )
