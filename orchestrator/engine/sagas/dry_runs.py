"""What would come of a saga: what a rollback would make, and what recovery would find. Nothing is done for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.journal.state import StepOutcome

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.journal.state import CommandState


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


class ReplayFinding(NamedTuple):
    """Whether a saga's journal matches the code at hand.

    Attributes:
        in_line: it does.
        finding: what was found, in a few words, such as ``diverged``.
        message: both sides of a divergence, or what else is wrong; empty where nothing is.
    """

    in_line: bool
    finding: str
    message: str
