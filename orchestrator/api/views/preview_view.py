"""What a rollback would do now, as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.api.views.journal_view import pack
from orchestrator.errors import CancelRefused
from orchestrator.journal.acts import Act, refuse_illegal
from orchestrator.journal.compensation_plan import plan_compensations
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.engine.sagas import PlannedCompensation
    from orchestrator.journal.state import SagaState


def preview_view(state: SagaState, planned: Iterable[PlannedCompensation]) -> api.PreviewRollbackResponse:
    """The compensations in their order, and what would stand.

    Args:
        state: of the saga.
        planned: the compensations.
    """
    refusal = _refusal(state)
    standing = plan_compensations(state).standing
    return api.PreviewRollbackResponse(
        possible=not refusal,
        refusal=refusal,
        compensations=[_planned(each) for each in planned],
        standing=[
            api.StandingEffect(
                key=command.key, method=command.method, message=f"{command.effect.name.lower()}: nothing takes it back"
            )
            for command in standing
        ],
    )


def _refusal(state: SagaState) -> str:
    try:
        refuse_illegal(Act.CANCEL, state)
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
