"""What is known of a saga independently of the journal under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.journal.state import CLAIMABLE, StepOutcome

if TYPE_CHECKING:
    from orchestrator.journal.state import CommandState, SagaState


_CHILD: Final = "saga."
"""How the full names of child sagas begin; no participant has one."""


class ObservedSaga(NamedTuple):
    """What is known of a saga independently of the journal under test.

    Attributes:
        state: the fold of what is durable.
        owner: the replica of the latest claim.
        token: the token of that claim.
        advancing: its owner has begun to advance it. Until then, the owner may still send what it sent under an
            earlier claim that it has lost.
        sequence: how many entries are durable.
        begun: it was queued, and its turn has come: its owner must advance it.
    """

    state: SagaState
    owner: str
    token: int
    advancing: bool
    sequence: int = 0
    begun: bool = False

    @property
    def is_owned(self) -> bool:
        """Nobody may claim it while its owner is alive, and it is to be handed over."""
        return self.begun or self.state.status in CLAIMABLE

    def is_advanced_by(self, replica: str) -> bool:
        """The replica is the owner, and has begun to advance the saga."""
        return self.advancing and self.owner == replica


def goes_on_without(state: SagaState, key: str) -> bool:
    """The saga has gone on without an answer to the command, and takes it back before it completes."""
    command = state.commands[key]
    return command.outcome is StepOutcome.UNKNOWN and command.compensation is not None


def is_child(command: CommandState) -> bool:
    """The command is a child saga, and no participant's."""
    return command.method.startswith(_CHILD)


def started_after(state: SagaState, key: str) -> list[CommandState]:
    """The compensable commands that were intended after the one with this key."""
    commands = list(state.commands.values())
    keys = list(state.commands)
    return [command for command in commands[keys.index(key) + 1 :] if command.effect is Effect.COMPENSABLE]
