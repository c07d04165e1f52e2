"""What is set cannot work."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class SettingsError(OrchestratorError):
    """A setting is missing or wrong; the message names it and says what to do."""
