"""What an engine serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition


class Served(Protocol):
    """A definition that the engine can run."""

    @property
    def definition(self) -> SagaDefinition[Any, Any, Any]:
        """The code and what its signature says."""

    @property
    def plan(self) -> Plan:
        """What can be read from the code without running it."""
