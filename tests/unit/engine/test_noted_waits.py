"""Which sagas of other replicas wait: noted where it lasts, and as seldom as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.replica.noted_waits import LASTS_SECONDS
from orchestrator.engine.sagas import WaitReason
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from tests.support.engine_world import SAGA, EngineWorld, trip, turns, unknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orchestrator.ports.noted_waits import NotedWait
    from tests.support.engine_world import EngineProcess

ANY = [reason.value for reason in WaitReason]


@pytest.fixture
async def world() -> AsyncIterator[EngineWorld]:
    world = EngineWorld(trip, shared=True)
    yield world
    world.check_promises()
    await world.end()


async def backing_off(world: EngineWorld, seconds: float) -> tuple[EngineProcess, EngineProcess]:
    """The owner of a saga that backs off for so long, and another replica."""
    owner, other = await world.open(), await world.open()
    world.participants.scripts["AuthorizePayment"] = [unknown(retry_after=seconds)]
    await owner.worker.start(world.order())
    await turns()
    return owner, other


async def listed(process: EngineProcess, reasons: Sequence[int] = ANY) -> list[str]:
    return [record.saga_id for record in await process.sagas.waiting_elsewhere(reasons)]


async def test_a_saga_that_waits_for_a_while_is_listed_at_another_replica_until_it_goes_on(world: EngineWorld) -> None:
    owner, other = await backing_off(world, 10)
    assert await listed(other) == []
    await world.let_pass(LASTS_SECONDS + 1)
    assert await listed(other) == [SAGA]
    assert await listed(other, [WaitReason.PARTICIPANT_DOWN.value]) == []
    assert await listed(owner) == [], "its own it knows by itself"

    await other.sagas.act(Act.RETRY_NOW, SAGA, "the bank is up", Actor("ada"))
    await world.stopped()
    assert await listed(other) == []


async def test_a_saga_that_waits_for_a_moment_is_noted_nowhere_and_one_that_goes_on_waiting_is_noted_once(
    world: EngineWorld,
) -> None:
    owner, _ = await world.open(), await world.open()
    notes: list[tuple[int, int]] = []
    note_waits = owner.journal.note_waits

    async def count(name: str, begun: Sequence[NotedWait], ended: Sequence[str]) -> None:
        notes.append((len(begun), len(ended)))
        await note_waits(name, begun, ended)

    owner.journal.note_waits = count  # type: ignore[assignment,method-assign]  # it counts
    world.participants.scripts["AuthorizePayment"] = [unknown(retry_after=1)]
    await owner.worker.start(world.order())
    await world.let_pass(4)
    assert notes == []

    world.participants.scripts["AuthorizePayment"] = [unknown(retry_after=3) for _ in range(10)]
    await owner.worker.start(world.order(saga_id="saga-2"))
    await world.let_pass(20)
    assert notes == [(1, 0)], "it makes attempts, and waits again"
    await world.let_pass(20)
    assert notes == [(1, 0), (0, 1)]


async def test_a_saga_of_a_replica_that_is_dead_is_not_listed_as_one_that_waits(world: EngineWorld) -> None:
    owner, other = await backing_off(world, 600)
    await world.let_pass(LASTS_SECONDS + 1)
    owner.kill()
    world.journal._alive_until.pop(owner.worker.owner)

    assert await listed(other) == []


async def test_a_note_that_could_not_be_written_is_written_once_the_journal_is_back(world: EngineWorld) -> None:
    owner, other = await backing_off(world, 600)
    owner.journal.switch("down")
    await world.let_pass(LASTS_SECONDS + 2)
    assert await listed(other) == []
    owner.journal.switch("up")
    await world.let_pass(1)

    assert await listed(other) == [SAGA]
