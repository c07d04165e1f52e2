"""A replica takes new sagas while it recovers the old ones, and says how far it has come."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.bindings.gradual_return import FIRST_ROOM
from orchestrator.errors import JournalUnavailable, Recovering
from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, Answer, EngineWorld, trip, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.claims import Claim, Served
    from orchestrator.ports.journal import Append
    from tests.support.engine_world import EngineProcess

LEASE = 60.0
"""Of every replica of a world."""


INVENTORY = "shop.inventory.v1.InventoryService"


async def left_behind(world: EngineWorld, *saga_ids: str) -> None:
    """Sagas that a process has started, and was killed."""
    answers = [Answer() for _ in saga_ids]
    world.participants.scripts["ReserveStock"] = [*answers]
    process = world.process()
    for saga_id in saga_ids:
        await process.worker.start(world.order(saga_id=saga_id))
    await until(lambda: all(answer.asked for answer in answers))
    world.crash()


class Held:
    """The journal hands out no claims until the test sets ``let_go``."""

    def __init__(self, world: EngineWorld) -> None:
        self.let_go = asyncio.Event()
        self._claim = world.journal.claim_unfinished
        world.journal.claim_unfinished = self.claim  # type: ignore[method-assign]

    async def claim(self, owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        await self.let_go.wait()
        return await self._claim(owner, limit, served)


async def beginning(world: EngineWorld) -> EngineProcess:
    """A replica that has begun to recover."""
    process = world.process()
    await process.worker.begin()
    return process


async def test_a_new_saga_ends_while_old_ones_wait_to_be_recovered(world: EngineWorld) -> None:
    await left_behind(world, "old")
    held = Held(world)
    process = await beginning(world)

    assert (await process.run()).status is Status.COMPLETED
    assert process.worker.recovery.under_way
    held.let_go.set()
    assert (await world.stopped("old")).status is Status.COMPLETED


async def test_a_start_repeated_before_its_saga_is_recovered_finds_it(world: EngineWorld) -> None:
    await left_behind(world, SAGA)
    held = Held(world)
    process = await beginning(world)

    state = await process.worker.start(world.order())

    assert (state.saga_id, state.status) == (SAGA, Status.RUNNING)
    held.let_go.set()
    assert (await world.stopped()).status is Status.COMPLETED


async def test_what_can_be_done_only_to_a_recovered_saga_is_refused_with_numbers_until_it_is(
    world: EngineWorld,
) -> None:
    await left_behind(world, "old-1", "old-2")
    held = Held(world)
    process = await beginning(world)

    with pytest.raises(Recovering, match="0 of 2 unfinished sagas"):
        await process.worker.ensure_recovered("old-1")

    held.let_go.set()
    await until(lambda: not process.worker.recovery.under_way)
    await process.worker.ensure_recovered("old-1")
    assert process.worker.recovery.recovered == 2


async def test_a_saga_that_has_ended_or_is_new_waits_for_no_recovery(world: EngineWorld) -> None:
    await world.process().run(saga_id="ended")
    await left_behind(world, "old")
    held = Held(world)
    process = await beginning(world)
    hang = Answer()
    world.participants.scripts["ReserveStock"] = [hang]
    await process.worker.start(world.order(saga_id="new"))

    await process.worker.ensure_recovered("ended")
    await process.worker.ensure_recovered("new")
    held.let_go.set()
    hang.give()
    await world.stopped("new")
    await world.stopped("old")


async def test_a_long_recovery_tells_how_far_it_has_come(world: EngineWorld, caplog: pytest.LogCaptureFixture) -> None:
    saga_ids = [f"old-{number}" for number in range(60)]
    await left_behind(world, *saga_ids)
    read = world.journal.read

    async def slow_read(saga_id: str) -> object:
        world.clock.time += 50_000_000
        return await read(saga_id)

    world.journal.read = slow_read  # type: ignore[method-assign, assignment]
    world.clock.hold_from = 0.4  # only reading takes time, and no step of a gradual return
    with caplog.at_level(logging.INFO, "orchestrator.engine.replica.claiming.recovery"):
        process = await beginning(world)
        await until(lambda: not process.worker.recovery.under_way)

    told = [record.getMessage() for record in caplog.records]
    assert told == ["recovering: 50 of 60 unfinished sagas so far", "recovered 60 sagas"]
    for saga_id in saga_ids:
        await world.stopped(saga_id)


async def test_a_recovery_that_the_journal_interrupts_goes_on_once_it_is_back(
    world: EngineWorld, caplog: pytest.LogCaptureFixture
) -> None:
    await left_behind(world, "old")
    claim, failures = world.journal.claim_unfinished, iter([True])

    async def failing(owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        if next(failures, False):
            raise JournalUnavailable("the disk is slow")
        return await claim(owner, limit, served)

    world.journal.claim_unfinished = failing  # type: ignore[method-assign]
    process = await beginning(world)
    await until(lambda: "trying again: the disk is slow" in caplog.text)
    assert process.worker.recovery.under_way

    world.clock.advance(21)
    await until(lambda: not process.worker.recovery.under_way)
    assert (await world.stopped("old")).status is Status.COMPLETED


@pytest.fixture
async def replicas() -> AsyncIterator[EngineWorld]:
    """A world in which no time passes by itself."""
    world = EngineWorld(trip, shared=True)
    yield world
    world.check_promises()
    await world.end()


@pytest.fixture
def told(replicas: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Entry]]:
    """The journals that the observer is told anew."""
    told: list[Sequence[Entry]] = []
    monkeypatch.setattr(replicas.observer, "recovered", lambda _saga_id, entries, **_: told.append([*entries]))
    return told


async def test_a_start_that_stands_long_after_it_has_failed_is_recovered_by_the_replica_that_lives_on(
    replicas: EngineWorld,
) -> None:
    """As when a synchronous standby does not answer for minutes: nobody else may claim what a living replica owns."""
    process = await replicas.open()
    hanging: list[Append] = []

    def hang(appends: Sequence[Append]) -> list[Exception | None]:
        hanging.extend(appends)
        return [JournalUnavailable("the connection broke") for _ in appends]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(process.journal, "commit", hang)
        with pytest.raises(JournalUnavailable):
            await process.worker.start(replicas.order())
    await replicas.let_pass(20 * LEASE, step=LEASE / 4)
    assert not replicas.entries()
    start, *_ = hanging
    replicas.journal.append(start).result()
    await replicas.let_pass(LEASE + 2, step=1.0)

    assert (await replicas.stopped()).status is Status.COMPLETED
    assert replicas.journal._sagas[SAGA].token == 1


async def test_a_claim_that_stands_long_after_it_has_failed_is_carried_out_by_the_replica_that_lives_on(
    replicas: EngineWorld,
) -> None:
    process, dying = await replicas.open(), replicas.process()

    async def hang(*_asked: object) -> list[Claim]:
        raise JournalUnavailable("the connection broke")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(process.journal, "claim_unfinished", hang)
        await replicas.let_pass(2)
    await replicas.let_pass(20 * LEASE, step=LEASE / 4)
    replicas.participants.scripts["ReserveStock"] = [answer := Answer()]
    await dying.worker.start(replicas.order())
    await until(lambda: answer.asked)
    dying.kill()
    assert await replicas.journal.claim_unfinished(process.worker.owner, 10), "it stands now, and nobody hears of it"
    await replicas.let_pass(LEASE + 2, step=1.0)

    assert (await replicas.stopped()).status is Status.COMPLETED
    assert replicas.journal._sagas[SAGA].token == 2


async def test_an_end_that_stands_although_its_answer_was_lost_is_told_by_the_replica_that_wrote_it(
    replicas: EngineWorld, told: list[Sequence[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await replicas.open()
    commit = process.journal.commit

    def lose(appends: Sequence[Append]) -> list[Exception | None]:
        broke, written = JournalUnavailable("the connection broke"), commit(appends)
        assert written is not None, "the process lives"
        return [broke if append.ended_at else done for append, done in zip(appends, written, strict=True)]

    monkeypatch.setattr(process.journal, "commit", lose)
    await process.worker.start(replicas.order())
    await replicas.let_pass(5, step=1.0)

    assert told == [replicas.entries()]


async def test_an_end_that_another_replica_wrote_is_told_by_that_one_alone(
    replicas: EngineWorld, told: list[Sequence[Entry]]
) -> None:
    process, _ = await replicas.open(), await replicas.open()
    replicas.participants.scripts["ReserveStock"] = [answer := Answer()]
    await process.worker.start(replicas.order())
    await until(lambda: answer.asked)
    process.journal.switch("down")
    answer.give()
    await replicas.let_pass(LEASE + 2, step=1.0)
    assert (await replicas.stopped()).status is Status.COMPLETED
    process.journal.switch("up")
    await replicas.let_pass(5, step=1.0)

    assert len(told) == 1, "when it was recovered"


async def test_many_recovered_sagas_call_their_participants_gradually(world: EngineWorld) -> None:
    saga_ids = [f"old-{number}" for number in range(40)]
    await left_behind(world, *saga_ids)
    world.clock.hold_from = 0.4  # no step passes
    answers = [Answer() for _ in saga_ids]
    world.participants.scripts["ReserveStock"] = [*answers]

    process = await beginning(world)
    await until(lambda: not process.worker.recovery.under_way)

    await until(lambda: sum(bool(answer.asked) for answer in answers) == FIRST_ROOM)
    assert process.worker.bindings.breakers[INVENTORY].waiting == len(saga_ids) - FIRST_ROOM
