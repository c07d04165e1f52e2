"""A process that ends begins nothing more of a saga, whatever the saga stops for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from tests.support.engine_world import FORWARD, turns
from tests.unit.engine.test_cancel import at, cancel

if TYPE_CHECKING:
    from tests.support.engine_world import EngineWorld


async def test_a_rollback_that_begins_while_its_process_ends_is_left_to_the_next_one(world: EngineWorld) -> None:
    process, answer = await at(world, "AuthorizePayment")
    cancelled = cancel(process)
    await turns()
    closing = asyncio.ensure_future(process.worker.close(grace=60))
    await turns()
    answer.give()
    await closing

    assert (await cancelled).rollback
    assert world.state().status is Status.COMPENSATING
    assert world.participants.methods() == list(FORWARD[:3])

    await world.process().worker.open()
    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods()[3:] == ["VoidAuthorization", "ReleaseStock"]
