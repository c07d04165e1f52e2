"""Which rpcs the code of sagas may lead to: what a live participant has to serve, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.analysis.plan.reader import read_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.definition.saga import SagaDefinition


def sent_by(definitions: Iterable[SagaDefinition[Any, Any, Any]]) -> frozenset[str]:
    """The full names of the rpcs that the sagas call, of their compensations, and of their verifies."""
    called = {step.command for definition in definitions for step in read_plan(definition).steps()}
    led_to = {other for command in called for other in (command.compensation, command.verify) if other is not None}
    return frozenset(command.name for command in called | led_to)
