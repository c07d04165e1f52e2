"""Every scenario of the suite for channels."""

from __future__ import annotations

from typing import Final

from orchestrator.testing.conformance.channels.answers import ANSWERS
from orchestrator.testing.conformance.channels.health import HEALTH
from orchestrator.testing.conformance.channels.losses import LOSSES
from orchestrator.testing.conformance.channels.queues import QUEUES
from orchestrator.testing.conformance.channels.restarts import RESTARTS

SCENARIOS: Final = (*ANSWERS, *LOSSES, *RESTARTS, *QUEUES, *HEALTH)
"""What a channel must do."""
