"""What a rollback would do now: the compensation plan, with each request derived. Nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError

from orchestrator.errors import CompensationUnderivable
from orchestrator.journal.compensation_plan import plan_compensations
from orchestrator.journal.state import StepOutcome

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.engine.bindings.bindings import Binding, Bindings
    from orchestrator.journal.state import CommandState, SagaState


class PlannedCompensation(NamedTuple):
    """A compensation that a rollback would make.

    Attributes:
        command: what would be compensated.
        compensation: the full name of the compensating rpc; empty where no contract is at hand.
        request: its request, where it can be derived.
        obstacle: why it cannot be made; empty where it can.
    """

    command: CommandState
    compensation: str
    request: Message | None
    obstacle: str

    @property
    def in_doubt(self) -> bool:
        """It is unknown whether the command took effect."""
        return self.command.outcome is not StepOutcome.COMPLETED


def preview(state: SagaState, bindings: Bindings) -> list[PlannedCompensation]:
    """The compensations of a rollback from here on, in their order."""
    return [_planned(command, bindings.by_name(command.method)) for command in plan_compensations(state).compensations]


def derive_compensation(command: CommandState, binding: Binding) -> Message:
    """The request of a command's compensation, as it was journalled if it was. ``binding`` must name one.

    A reply that cannot be read is a lost answer, also where an older version has journalled it.

    Raises:
        CompensationUnderivable: the command's answer was lost, and its contract says to suspend then.
        DecodeError: the request in the journal is none of this contract.
    """
    assert binding.compensation is not None
    undo, derivation = binding.compensation
    intended = command.compensation
    if intended is not None and intended.request is not None and intended.method == undo.name:
        return undo.command.request.FromString(intended.request)
    return derivation.derive(binding.command.request.FromString(command.request), _reply(command, binding))


def _reply(command: CommandState, binding: Binding) -> Message | None:
    """The command's reply; ``None`` where it was lost."""
    if command.reply is None:
        return None
    try:
        return binding.command.response.FromString(command.reply)
    except DecodeError:
        return None


def _planned(command: CommandState, binding: Binding | None) -> PlannedCompensation:
    if binding is None or binding.compensation is None:
        return PlannedCompensation(command, "", None, "no contract at hand says how; serve a saga that uses it")
    name = binding.compensation[0].name
    try:
        return PlannedCompensation(command, name, derive_compensation(command, binding), "")
    except CompensationUnderivable as error:
        return PlannedCompensation(command, name, None, str(error))
    except DecodeError:
        size, contract = len(command.request), binding.command.request.DESCRIPTOR.full_name
        return PlannedCompensation(command, name, None, f"its request, {size} bytes, cannot be read as {contract}")
