"""Each channel passes the shipped suite, but for what it declares that it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.testing.conformance.channels import LacksMark, run_scenario

if TYPE_CHECKING:
    from orchestrator.testing.conformance.channels import Scenario
    from tests.conformance.channels.conftest import Kind


async def test_a_channel_does_what_every_channel_must(kind: Kind, scenario: Scenario) -> None:
    try:
        await run_scenario(scenario, kind.open, kind.lacks)
    except LacksMark as lacking:
        pytest.skip(str(lacking))
