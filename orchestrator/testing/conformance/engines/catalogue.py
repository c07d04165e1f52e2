"""All scenarios of the suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.testing.conformance.engines import (
    acts,
    bulk,
    children,
    crashes,
    decisions,
    events,
    finding,
    outcomes,
    rollbacks,
    schedules,
    starting,
    waits,
    watching,
)

if TYPE_CHECKING:
    from orchestrator.testing.conformance.engines.harness import Scenario

_MODULES: Final = (
    starting,
    outcomes,
    rollbacks,
    acts,
    decisions,
    bulk,
    waits,
    schedules,
    children,
    crashes,
    events,
    finding,
    watching,
)

SCENARIOS: Final[tuple[Scenario, ...]] = tuple(each for module in _MODULES for each in module.scenario.all)
