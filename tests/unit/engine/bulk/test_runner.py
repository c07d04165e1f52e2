"""A bulk act is carried on by one replica after another: each of its sagas is acted on once, and the counts add up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.bulk.facade import NewBulkAct
from orchestrator.engine.replica.bulk import run
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import RollbackBegan, SagaResumed
from orchestrator.journal.state import Status
from orchestrator.ports.bulk_acts import Answer, BulkStatus
from tests.support.bulk_acts import PREPARED, pages_of
from tests.support.engine_world import Answer as Reply
from tests.support.engine_world import EngineWorld, turns, unknown
from tests.support.waiting_sagas import sleepy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.ports.bulk_acts import BulkAct
    from tests.support.engine_world import EngineProcess

ADA = Actor("ada")
SAGAS = [f"saga-{number}" for number in range(1, 13)]
"""More than are in hand at once, and more than a page."""


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EngineWorld]:
    """Replicas that share a journal, in which sagas sleep for a day. What takes back their stock takes its time."""
    monkeypatch.setattr(run, "PAGE", 5)
    monkeypatch.setattr(run, "MOST_IN_HAND", 3)
    world = EngineWorld(sleepy, shared=True)
    world.participants.scripts["ReleaseStock"] = [unknown(retry_after=2)] * len(SAGAS)
    yield world
    world.check_promises()
    await world.end()


async def opened(world: EngineWorld) -> EngineProcess:
    """A replica, and the sagas, which are parked."""
    process = await world.open()
    for saga_id in SAGAS:
        await process.worker.start(world.order(saga_id=saga_id))
    await turns()
    return process


async def kept(world: EngineWorld, bulk_id: str) -> BulkAct:
    act = await world.journal.find_bulk_act(bulk_id)
    assert act is not None
    return act


async def prepared(world: EngineWorld, process: EngineProcess, act: Act) -> str:
    """A bulk act on all sagas, whose dry run has ended."""
    bulk = await process.sagas.bulk.prepare(NewBulkAct(act, b"", ADA), pages_of(SAGAS[:7], SAGAS[7:]))
    await world.let_pass(5)
    assert (await kept(world, bulk.bulk_id)).status is BulkStatus.PREPARED
    return bulk.bulk_id


async def started(world: EngineWorld, process: EngineProcess, act: Act) -> str:
    """A bulk act that has acted on its first sagas, and has written down nothing of that: no time has passed."""
    bulk_id = await prepared(world, process, act)
    await process.sagas.bulk.start(bulk_id, "because", ADA)
    await turns(300)
    assert acted_on(world, bulk_id) == SAGAS[: run.MOST_IN_HAND]
    assert (await kept(world, bulk_id)).counts == {Answer.ALLOWED: len(SAGAS)}
    return bulk_id


def acted_on(world: EngineWorld, bulk_id: str) -> list[str]:
    """The sagas whose journal says that it was done for this bulk act, as often as it says so."""
    entries = [(saga_id, entry) for saga_id in SAGAS for entry in world.entries(saga_id)]
    return [
        saga_id
        for saga_id, entry in entries
        if isinstance(entry, (RollbackBegan, SagaResumed)) and f"(bulk act {bulk_id})" in entry.reason.message
    ]


async def answers(world: EngineWorld, bulk_id: str) -> list[Answer]:
    return [saga.answer for saga in await world.journal.bulk_sagas(bulk_id, 0, 100)]


async def test_every_page_of_a_bulk_act_is_carried_out_and_its_counts_add_up_at_any_time(world: EngineWorld) -> None:
    process = await opened(world)
    bulk_id = await prepared(world, process, Act.CANCEL)
    await process.sagas.bulk.start(bulk_id, "because", ADA)
    seen = set()
    for _ in range(60):
        await world.let_pass(0.1, step=0.1)
        act = await kept(world, bulk_id)
        assert act.total == len(SAGAS)
        counted = await answers(world, bulk_id)
        assert act.counts == {answer: counted.count(answer) for answer in set(counted)}
        seen.add(act.counts.get(Answer.DONE, 0))

    assert (await kept(world, bulk_id)).status is BulkStatus.ENDED
    assert acted_on(world, bulk_id) == SAGAS
    assert {world.state(saga_id).status for saga_id in SAGAS} == {Status.COMPENSATED}
    assert len(seen) > 2, "it is told how far it has come"


async def test_a_bulk_act_whose_replica_dies_is_carried_on_by_another_one_and_each_saga_is_acted_on_once(
    world: EngineWorld,
) -> None:
    one = await opened(world)
    bulk_id = await started(world, one, Act.CANCEL)

    one.kill()
    world.journal._alive_until.clear()
    await world.open()
    await world.let_pass(20)

    over = await kept(world, bulk_id)
    assert (over.status, over.counts) == (BulkStatus.ENDED, {Answer.DONE: len(SAGAS)})
    assert acted_on(world, bulk_id) == SAGAS


async def test_a_saga_that_was_resumed_by_a_replica_that_died_is_not_resumed_again(world: EngineWorld) -> None:
    """Its resume is durable, and no other replica was told so; it has been paused since."""
    one = await opened(world)
    for saga_id in SAGAS:
        await one.sagas.act(Act.PAUSE, saga_id, "wait", ADA)
    bulk_id = await prepared(world, one, Act.RESUME)
    one.journal.cut_after, one.journal.loses_acknowledgement = len(world.entries(SAGAS[0])) + 1, True
    await one.sagas.bulk.start(bulk_id, "because", ADA)
    await turns(300)
    assert one.is_dead
    (resumed,) = acted_on(world, bulk_id)

    world.journal._alive_until.clear()
    other = await world.open()
    await other.sagas.act(Act.PAUSE, resumed, "wait", ADA)
    await world.let_pass(20)

    over = await kept(world, bulk_id)
    assert (over.status, over.counts) == (BulkStatus.ENDED, {Answer.DONE: len(SAGAS)})
    assert acted_on(world, bulk_id) == SAGAS
    assert world.state(resumed).status is Status.SUSPENDED


async def test_a_dry_run_whose_replica_dies_is_carried_on_by_another_one(world: EngineWorld) -> None:
    one = await opened(world)
    bulk = await one.sagas.bulk.prepare(NewBulkAct(Act.CANCEL, b"", ADA), pages_of(SAGAS))
    await turns()
    one.kill()
    world.journal._alive_until.clear()
    await world.open()
    await world.let_pass(20)

    act = await kept(world, bulk.bulk_id)
    assert (act.status, act.to_do) == (BulkStatus.PREPARED, len(SAGAS))
    assert acted_on(world, bulk.bulk_id) == []


async def test_while_one_replica_carries_a_bulk_act_on_no_other_one_does(world: EngineWorld) -> None:
    one, other = await opened(world), await world.open()
    bulk_id = await prepared(world, one, Act.CANCEL)
    await other.sagas.bulk.start(bulk_id, "because", ADA)
    owners = set()
    while (act := await kept(world, bulk_id)).status is BulkStatus.RUNNING:
        owners.add(act.owner)
        await world.let_pass(0.1, step=0.1)

    assert len(owners - {""}) == 1
    assert acted_on(world, bulk_id) == SAGAS


async def test_a_bulk_act_that_is_stopped_acts_on_no_further_saga_and_says_on_which_it_has(
    world: EngineWorld,
) -> None:
    one, other = await opened(world), await world.open()
    bulk_id = await started(world, one, Act.CANCEL)

    await other.sagas.bulk.stop(bulk_id, Actor("bob"))
    await world.let_pass(10)

    over = await kept(world, bulk_id)
    done = acted_on(world, bulk_id)
    assert (over.status, over.stopped_by) == (BulkStatus.STOPPED, Actor("bob"))
    assert over.counts == {Answer.DONE: len(done), Answer.ALLOWED: len(SAGAS) - len(done)}
    assert 0 < len(done) < len(SAGAS)


async def test_a_bulk_act_that_is_stopped_when_its_replica_has_died_says_on_which_sagas_it_has_acted(
    world: EngineWorld,
) -> None:
    one, other = await opened(world), await world.open()
    bulk_id = await started(world, one, Act.CANCEL)
    done = acted_on(world, bulk_id)
    one.kill()
    world.journal._alive_until.pop(one.worker.owner)

    await other.sagas.bulk.stop(bulk_id, ADA)
    await world.let_pass(20)

    over = await kept(world, bulk_id)
    assert (over.status, over.total) == (BulkStatus.STOPPED, len(SAGAS))
    assert acted_on(world, bulk_id) == done
    found = await world.journal.bulk_sagas(bulk_id, 0, 100, {Answer.DONE})
    assert [saga.saga_id for saga in found] == done


async def test_a_bulk_act_goes_on_when_the_journal_is_back(world: EngineWorld) -> None:
    one = await opened(world)
    bulk_id = await started(world, one, Act.CANCEL)
    one.journal.switch("down")
    await world.let_pass(8)
    assert (await kept(world, bulk_id)).status is BulkStatus.RUNNING

    one.journal.switch("up")
    await world.let_pass(30)

    over = await kept(world, bulk_id)
    assert (over.status, over.counts) == (BulkStatus.ENDED, {Answer.DONE: len(SAGAS)})
    assert acted_on(world, bulk_id) == SAGAS


async def test_an_act_that_the_owner_of_a_saga_does_not_answer_is_noted_and_carried_out_later(
    world: EngineWorld,
) -> None:
    one, owner = await opened(world), await world.open()
    world.participants.scripts["ReserveStock"] = [answer := Reply()]
    await owner.worker.start(world.order(saga_id="owned"))
    await turns()
    owner.sagas.carrying_out.close()
    bulk = await one.sagas.bulk.prepare(NewBulkAct(Act.CANCEL, b"", ADA), pages_of([SAGAS[0], "owned"]))
    await world.let_pass(3)
    await one.sagas.bulk.start(bulk.bulk_id, "because", ADA)
    await world.let_pass(60)

    over = await kept(world, bulk.bulk_id)
    assert (over.status, over.counts) == (BulkStatus.ENDED, {Answer.DONE: 1, Answer.NOTED: 1})
    owner.sagas.carrying_out.open()
    await world.let_pass(1)
    answer.give()
    await world.let_pass(5)
    assert world.state("owned").status is Status.COMPENSATED


async def test_an_act_that_was_noted_is_done_where_the_owner_of_the_saga_answers_late(world: EngineWorld) -> None:
    one, owner = await opened(world), await world.open()
    world.participants.scripts["ReserveStock"] = [answer := Reply()]
    await owner.worker.start(world.order(saga_id="owned"))
    await turns()
    owner.sagas.carrying_out.close()
    bulk = await one.sagas.bulk.prepare(NewBulkAct(Act.CANCEL, b"", ADA), pages_of(["owned"]))
    await world.let_pass(3)
    await one.sagas.bulk.start(bulk.bulk_id, "because", ADA)
    await world.let_pass(8)
    assert (await kept(world, bulk.bulk_id)).counts == {Answer.NOTED: 1}

    owner.sagas.carrying_out.open()
    answer.give()
    await world.let_pass(10)

    over = await kept(world, bulk.bulk_id)
    assert (over.status, over.counts) == (BulkStatus.ENDED, {Answer.DONE: 1})
    began = [entry for entry in world.entries("owned") if isinstance(entry, RollbackBegan)]
    assert len(began) == 1, "it was asked for twice, with one request id"


async def test_a_replica_whose_bulk_act_was_taken_over_writes_and_begins_nothing_more(world: EngineWorld) -> None:
    one = await opened(world)
    bulk_id = await started(world, one, Act.CANCEL)
    before = await kept(world, bulk_id)
    assert await world.journal.note_bulk_act(replace(before, owner="another", not_before=before.not_before * 2))
    taken = await kept(world, bulk_id)

    await world.let_pass(10)

    assert await kept(world, bulk_id) == taken
    assert set(await answers(world, bulk_id)) == {Answer.ALLOWED}
    assert set(acted_on(world, bulk_id)) <= set(SAGAS[: before.begun]), "no more than it had written down as begun"
    assert before.begun == run.PAGE


async def test_what_has_expired_is_deleted_by_the_replicas(world: EngineWorld) -> None:
    await opened(world)
    await world.journal.create_bulk_act(PREPARED)
    old = await kept(world, PREPARED.bulk_id)
    assert await world.journal.note_bulk_act(replace(old, expires_at=1))

    await world.let_pass(1300, step=10)

    assert await world.journal.find_bulk_act(PREPARED.bulk_id) is None
