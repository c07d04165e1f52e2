"""The engine's world, for the tests of the journal."""

from tests.unit.engine.conftest import _no_failpoints, world, world_of

__all__ = ["_no_failpoints", "world", "world_of"]
