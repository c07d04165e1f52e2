"""Mocks without a network, for the engine in the same process: the ports over the pure core.

A refusal by the guard itself has ``Rejected.echoed`` here, where the server echoes the key in its trailing metadata.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.testing.mock.faults import no_faults

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.testing.mock.calls import Metadata
    from orchestrator.testing.mock.faults import Faults
    from orchestrator.testing.mock.participant import ContractParticipant


class InProcessCaller:
    """Delivers one command to the mock in this process. No time passes: a timeout is answered at once."""

    __slots__ = ("_command", "_faults", "_participant")

    def __init__(self, participant: ContractParticipant, command: Command, faults: Faults) -> None:
        self._participant = participant
        self._command = command
        self._faults = faults

    async def __call__(self, request: bytes, metadata: Metadata, timeout: float) -> Outcome:  # noqa: ARG002, ASYNC109 - see the port
        """Make one attempt; see :class:`orchestrator.ports.channel.Caller`."""
        fault = self._faults(self._command, metadata)
        return self._participant.answer(self._command, request, metadata, fault)


class InProcessParticipants:
    """The way to the mocks; see :class:`orchestrator.ports.channel.Participants`.

    Args:
        participant: serves the contracts of the saga.
        faults: what happens to each delivery.
    """

    def __init__(self, participant: ContractParticipant, faults: Faults = no_faults) -> None:
        self._participant = participant
        self._faults = faults

    def caller(self, command: Command) -> InProcessCaller:
        """The way to one command."""
        return InProcessCaller(self._participant, command, self._faults)

    async def is_serving(self, service: str) -> bool:
        """Whether the mock serves these contracts; it always does."""
        return any(command.service == service for command in self._participant.commands.values())
