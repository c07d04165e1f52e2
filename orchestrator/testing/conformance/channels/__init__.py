"""What every channel must do: one suite, which never asks which channel it has.

A channel joins by a function that opens it with a participant at its other end (:class:`~.harness.ChannelUnderTest`),
and by saying what it lacks (:class:`~.harness.Mark`); each scenario is then run by :func:`~.scenario.run_scenario`, in
any test framework.
"""

from orchestrator.testing.conformance.channels.catalogue import SCENARIOS
from orchestrator.testing.conformance.channels.harness import (
    COMMAND,
    SERVICE,
    Answer,
    Arrived,
    ChannelUnderTest,
    Health,
    Mark,
    OpenChannel,
    Refusal,
)
from orchestrator.testing.conformance.channels.scenario import LacksMark, Scenario, run_scenario

__all__ = [
    "COMMAND",
    "SCENARIOS",
    "SERVICE",
    "Answer",
    "Arrived",
    "ChannelUnderTest",
    "Health",
    "LacksMark",
    "Mark",
    "OpenChannel",
    "Refusal",
    "Scenario",
    "run_scenario",
]
