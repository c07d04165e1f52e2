"""The engine's world, for these tests."""

from tests.unit.engine.conftest import _no_failpoints, world, world_of

__all__ = ["_no_failpoints", "world", "world_of"]
