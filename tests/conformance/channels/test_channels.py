"""Each channel passes the shipped suite, but for what it declares that it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.testing.conformance.channels import SCENARIOS, LacksMark, run_scenario

if TYPE_CHECKING:
    from orchestrator.testing.conformance.channels import OpenChannel, Scenario
    from tests.conformance.channels.conftest import Kind


# Where the broker dies while the client of NATS greets it, the client forgets to close that connection.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function StreamWriter:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
async def test_a_channel_does_what_every_channel_must(
    kind: Kind, open_channel: OpenChannel, scenario: Scenario
) -> None:
    try:
        await run_scenario(scenario, open_channel, kind.lacks)
    except LacksMark as lacking:
        pytest.skip(str(lacking))
