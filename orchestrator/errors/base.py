"""What all errors have in common."""

from __future__ import annotations


class OrchestratorError(Exception):
    """Whatever the orchestrator raises on purpose."""
