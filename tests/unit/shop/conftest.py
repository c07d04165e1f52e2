"""The engine's stage, for what is shown of it."""

from tests.unit.engine.conftest import _no_failpoints, stage, stage_of

__all__ = ["_no_failpoints", "stage", "stage_of"]
