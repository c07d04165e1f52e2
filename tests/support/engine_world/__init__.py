"""A world for the engine: participants that answer as a test says, a clock that jumps, a journal that can fail.

In every test: no effectful command is sent before its intent is durable, and no compensation
before the rollback is; see :meth:`EngineWorld.check_promises`.
"""

from __future__ import annotations

from tests.support.engine_world.answers import NOT_SEEN, Answer, rejected, unknown
from tests.support.engine_world.definitions import ORDER, SAGA, Definition, altered, order_of, plan_of, recoded
from tests.support.engine_world.process import EngineProcess
from tests.support.engine_world.trip_saga import (
    ARRANGE,
    AUTHORIZE,
    BACKWARD,
    CAPTURE,
    CONFIRM,
    FORWARD,
    PRICE,
    RESERVE,
    Shop,
    trip,
)
from tests.support.engine_world.turns import for_ever, turns, until
from tests.support.engine_world.world import EngineWorld

__all__ = [
    "ARRANGE",
    "AUTHORIZE",
    "BACKWARD",
    "CAPTURE",
    "CONFIRM",
    "FORWARD",
    "NOT_SEEN",
    "ORDER",
    "PRICE",
    "RESERVE",
    "SAGA",
    "Answer",
    "Definition",
    "EngineProcess",
    "EngineWorld",
    "Shop",
    "altered",
    "for_ever",
    "order_of",
    "plan_of",
    "recoded",
    "rejected",
    "trip",
    "turns",
    "unknown",
    "until",
]
