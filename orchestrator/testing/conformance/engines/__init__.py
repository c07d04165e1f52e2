"""What every engine must do: one suite for the facade, which never asks which engine it has.

An engine joins by a function that opens it over mocked participants (:class:`~.harness.OpenEngine`), and by saying what
it lacks (:class:`~.harness.Mark`); each scenario is then run by :func:`~.harness.run_scenario`, in any test framework.
"""

from orchestrator.testing.conformance.engines.catalogue import SCENARIOS
from orchestrator.testing.conformance.engines.harness import (
    EngineUnderTest,
    Mark,
    OpenEngine,
    Scenario,
    Stage,
    run_scenario,
)

__all__ = ["SCENARIOS", "EngineUnderTest", "Mark", "OpenEngine", "Scenario", "Stage", "run_scenario"]
