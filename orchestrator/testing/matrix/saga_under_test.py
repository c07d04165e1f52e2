"""The saga that the matrix tests, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.plan.nodes import Issue, walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition


@dataclass(frozen=True, slots=True)
class SagaUnderTest:
    """The saga that the matrix tests.

    A child saga is run as the one command that it is to its parent: mocked, and hit by every fault like any other. What
    goes on inside the child, its own matrix shows.

    Attributes:
        definition: the saga.
        plan: what can be read from its code.
        saga_input: its input.
        replies: fields of replies that must not be made up, by the full name of the rpc.
        over_queue: its commands wait in a queue for their participants.
    """

    definition: SagaDefinition[Any, Any, Any]
    plan: Plan
    saga_input: Message
    replies: Mapping[str, Message]
    over_queue: bool = False

    @property
    def children(self) -> tuple[Issue, ...]:
        """The places at which the saga runs a child, one for each definition."""
        issues = (node for node in walk(self.plan.root) if isinstance(node, Issue) and node.child is not None)
        return tuple({issue.command.name: issue for issue in issues}.values())
