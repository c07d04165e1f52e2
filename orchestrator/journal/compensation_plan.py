"""The compensation plan: a pure function of the saga's state, and so of its journal alone.

It needs no replay of the saga's code, so it can be shown before a rollback is asked for, and it works for a
saga whose code is broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError

from orchestrator.contract.command import Effect

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.contract.derivation import Derivation
    from orchestrator.journal.state import CommandState, SagaState


class CompensationPlan(NamedTuple):
    """What a rollback does from here on.

    Attributes:
        compensations: the commands to compensate, in this order.
        standing: commands that have, or may have, an effect which no compensation takes back.
    """

    compensations: tuple[CommandState, ...]
    standing: tuple[CommandState, ...]


def plan_abandoned(state: SagaState) -> tuple[CommandState, ...]:
    """The commands whose outcome a saga that goes forward never learnt, in reverse order of start."""
    compensable = (command for command in reversed(state.commands.values()) if command.effect is Effect.COMPENSABLE)
    return tuple(command for command in compensable if command.abandoned)


def plan_compensations(state: SagaState) -> CompensationPlan:
    """Every command that may have an uncompensated effect, in reverse order of start.

    Commands in doubt are compensated like completed ones: a lost answer says nothing about the effect.
    """
    may_stand = [command for command in reversed(state.commands.values()) if command.may_stand]
    return CompensationPlan(
        compensations=tuple(command for command in may_stand if command.effect is Effect.COMPENSABLE),
        standing=tuple(
            command for command in may_stand if command.effect is not Effect.COMPENSABLE and not command.best_effort
        ),
    )


def derive_compensation(command: CommandState, contract: Command, undo: Command, derivation: Derivation) -> Message:
    """The request of a command's compensation, as it was journalled if it was.

    A reply that cannot be read is a lost answer, also where an older version has journalled it.

    Args:
        command: what is to be compensated.
        contract: what its contract says of it.
        undo: the compensation that the contract names.
        derivation: from where each field of its request comes.

    Raises:
        CompensationUnderivable: the command's answer was lost, and its contract says to suspend then.
        DecodeError: the request in the journal is none of this contract.
    """
    intended = command.compensation
    if intended is not None and intended.request is not None and intended.method == undo.name:
        return undo.request.FromString(intended.request)
    return derivation.derive(contract.request.FromString(command.request), _reply(command, contract))


def _reply(command: CommandState, contract: Command) -> Message | None:
    """The command's reply; ``None`` where it was lost."""
    if command.reply is None:
        return None
    try:
        return contract.response.FromString(command.reply)
    except DecodeError:
        return None
