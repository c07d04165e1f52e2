"""A saga definition with its stubs built over durable channels: made once, at start-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.engine.durable_channel import DurableChannel

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from google.protobuf.message import Message

    from orchestrator.definition.plan import Plan
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.bindings import Bindings


@dataclass(frozen=True, slots=True)
class ServedSaga:
    """A definition that this process can run.

    Attributes:
        definition: the code and what its signature says.
        shop: its dataclass of stubs, each over the durable channel.
        plan: what can be read from the code without running it.
    """

    definition: SagaDefinition[Any, Any, Any]
    shop: Any
    plan: Plan

    @classmethod
    def over(cls, definition: SagaDefinition[Any, Any, Any], plan: Plan, bindings: Bindings) -> ServedSaga:
        """Build the definition's stubs over one durable channel."""
        channel = DurableChannel(bindings)
        stubs = {participant.field: participant.stub(channel) for participant in definition.participants}
        return cls(definition, definition.shop(**stubs), plan)

    def call(self, serialized: bytes) -> Awaitable[Message]:
        """Call the code with a serialized input."""
        return self.definition.function(self.definition.input.FromString(serialized), self.shop)
