"""What every part of one saga's run works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.run.journal_time import JournalTime
    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.engine.run.sending.command_sender import CommandSender
    from orchestrator.engine.run.stop_control import StopControl
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.random import RandomSource


class RunContext(NamedTuple):
    """What a run, forward or backward, works with.

    Attributes:
        writer: writes the saga's journal.
        stop_control: stops the run; a rollback has one of its own.
        sender: sends its commands.
        clock: the time.
        random_source: where its random numbers come from.
        time: the time by the journal's clock.
    """

    writer: SagaWriter
    stop_control: StopControl
    sender: CommandSender
    clock: Clock
    random_source: RandomSource
    time: JournalTime


class SagaCode(Protocol):
    """The code of a saga, over stubs that lead to its run."""

    @property
    def definition(self) -> SagaDefinition[Any, Any, Any]:
        """The code and what its signature says."""

    @property
    def stubs(self) -> Any:  # noqa: ANN401 - the saga's own dataclass
        """Its dataclass of stubs, each over the durable channel."""

    @property
    def frozen(self) -> str:
        """Why the code is not to be run: where it hung; empty where it may be."""
