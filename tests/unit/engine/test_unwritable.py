"""What a journal can never hold suspends its saga, which would otherwise fail at it for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import EntriesUnwritable
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import RollbackBegan, SagaStarted, SagaSuspended
from orchestrator.journal.state import Status
from tests.support.engine_world import BACKWARD, SAGA, rejected, turns, until
from tests.unit.engine.held_sagas import started

if TYPE_CHECKING:
    from orchestrator.journal.entries import Entry
    from orchestrator.ports.journal import Append
    from orchestrator.testing.world.switched_journal import SwitchedJournal
    from tests.support.engine_world import EngineWorld


def refuse(journal: SwitchedJournal, *kinds: type[Entry]) -> list[int]:
    """From now on, the journal has no form for such entries; grows by one at each that it was to hold."""
    refused: list[int] = []
    write = journal.write

    def write_others(append: Append) -> Exception | None:
        if any(isinstance(entry, kinds) for entry in append.entries):
            refused.append(len(refused))
            return EntriesUnwritable("the journal has no form for it")
        return write(append)

    journal.write = write_others  # type: ignore[method-assign]  # what this test is about
    return refused


async def test_a_saga_that_can_never_write_its_next_entry_is_suspended_and_sends_nothing_again(
    world: EngineWorld,
) -> None:
    process, answer = await started(world, "ArrangeShipment")
    refuse(process.journal, RollbackBegan)
    answer.give(rejected())

    state = await world.stopped()
    assert state.status is Status.SUSPENDED
    assert state.suspension is not None
    assert (state.suspension.code, state.suspension.message) == ("ENGINE_FAILED", "the journal has no form for it")
    assert world.participants.methods().count("ArrangeShipment") == 1


async def test_once_that_is_mended_a_person_lets_the_saga_go_on(world: EngineWorld) -> None:
    process, answer = await started(world, "ArrangeShipment")
    world.participants.scripts["ArrangeShipment"].append(rejected())
    refuse(process.journal, RollbackBegan)
    answer.give(rejected())
    await world.stopped()

    process = await world.recover()
    await process.acts.resume(SAGA, "mended", Actor("ada"))
    await until(lambda: world.state().status is Status.COMPENSATED)
    assert world.participants.methods()[-2:] == BACKWARD[-2:]


async def test_a_saga_whose_suspension_cannot_be_written_either_is_not_tried_again_and_again(
    world: EngineWorld,
) -> None:
    process, answer = await started(world, "ArrangeShipment")
    refused = refuse(process.journal, RollbackBegan, SagaSuspended)
    answer.give(rejected())
    await until(lambda: len(refused) > 1)
    for _ in range(10):
        world.clock.advance(1)
        await turns()

    assert len(refused) == 2
    assert SAGA not in process.worker.live


async def test_a_start_that_can_never_be_written_is_refused_and_leaves_nothing(world: EngineWorld) -> None:
    process = await world.open()
    refused = refuse(process.journal, SagaStarted)
    with pytest.raises(EntriesUnwritable):
        await process.worker.start(world.order())
    await turns()
    assert (len(refused), world.entries()) == (1, [])

    again = await world.recover()
    await asyncio.wait_for(again.worker.start(world.order(), wait=1e6), timeout=None)
    assert world.state().status is Status.COMPLETED
