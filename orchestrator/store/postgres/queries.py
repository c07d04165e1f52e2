"""The named statements of PostgreSQL."""

from __future__ import annotations

from orchestrator.store.queries import queries_of


def queries() -> dict[str, str]:
    """Each statement by its name."""
    return queries_of(__package__ or "")
