"""A real PostgreSQL, as the services are tested on."""

from __future__ import annotations

from tests.conformance.services.conftest import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]
