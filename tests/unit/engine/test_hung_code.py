"""Code that kept the event loop to itself is not run again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, until
from tests.unit.engine.held_sagas import started

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.support.engine_world import EngineWorld


class Note:
    """What the process that died has noted, as a store keeps it.

    Attributes:
        noted: where the code of sagas hung, by id.
        cleared: is set when something of it was cleared.
    """

    def __init__(self) -> None:
        self.noted: dict[str, str] = {}
        self.cleared = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def read(self) -> dict[str, str]:
        return dict(self.noted)

    def write(self, saga_id: str, where: str) -> None:
        self.noted[saga_id] = where

    def clear(self, saga_ids: Collection[str]) -> None:
        for saga_id in saga_ids:
            self.noted.pop(saga_id, None)
        self._loop.call_soon_threadsafe(self.cleared.set)


async def test_code_that_hung_a_process_is_not_run_by_the_replica_that_takes_over(world: EngineWorld) -> None:
    """That replica has been there for long: what it knew at its start tells nothing of this saga."""
    note = Note()
    survivor = world.process()
    survivor.worker.live.frozen.note = note
    await survivor.worker.open()
    process, answer = await started(world, "AuthorizePayment")
    process.kill()
    note.write(SAGA, "the code has not yielded for 5 s, at sagas.py:7")
    note.write("another", "elsewhere")
    calls = len(world.participants.calls)
    await until(world.clock.is_held)
    world.clock.advance(61)
    await note.cleared.wait()

    state = world.state()
    assert state.suspension is not None
    assert "at sagas.py:7" in state.suspension.message
    assert len(world.participants.calls) == calls
    assert note.noted == {"another": "elsewhere"}, "that saga is not suspended"
    answer.give()


async def test_code_that_hung_before_is_not_run_and_the_saga_tells_where_it_hung(world: EngineWorld) -> None:
    process = world.process()
    process.worker.live.frozen.where = {SAGA: "the code has not yielded for 5 s, at sagas.py:7"}

    state = await process.run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert "at sagas.py:7" in state.reason.message
    assert not world.participants.calls
