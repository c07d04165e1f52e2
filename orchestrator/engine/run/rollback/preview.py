"""What a rollback would do now: the compensation plan, with each request derived. Nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from orchestrator.engine.sagas import PlannedCompensation
from orchestrator.errors import CompensationUnderivable
from orchestrator.journal.compensation_plan import derive_compensation, plan_compensations

if TYPE_CHECKING:
    from orchestrator.engine.bindings.binding import Binding, Bindings
    from orchestrator.journal.state import CommandState, SagaState


def preview(state: SagaState, bindings: Bindings) -> list[PlannedCompensation]:
    """The compensations of a rollback from here on, in their order."""
    return [_planned(command, bindings.by_name(command.method)) for command in plan_compensations(state).compensations]


def _planned(command: CommandState, binding: Binding | None) -> PlannedCompensation:
    if binding is None or binding.compensation is None:
        return PlannedCompensation(command, "", None, "no contract at hand says how; serve a saga that uses it")
    undo, derivation = binding.compensation
    name = undo.name
    try:
        return PlannedCompensation(
            command, name, derive_compensation(command, binding.command, undo.command, derivation), ""
        )
    except CompensationUnderivable as error:
        return PlannedCompensation(command, name, None, str(error))
    except DecodeError:
        size, contract = len(command.request), binding.command.request.DESCRIPTOR.full_name
        return PlannedCompensation(command, name, None, f"its request, {size} bytes, cannot be read as {contract}")
