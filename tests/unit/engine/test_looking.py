"""Who waits for a saga, or looks at it, is told what is durable."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable, SagaNotFound
from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, Answer, turns, until
from tests.unit.engine.held_sagas import started

if TYPE_CHECKING:
    from tests.support.engine_world import EngineWorld


async def test_a_start_that_waits_answers_with_the_end(world: EngineWorld) -> None:
    assert (await world.process().worker.start(world.order(), wait=60)).status is Status.COMPLETED


async def test_a_start_that_has_waited_long_enough_answers_with_the_saga_as_it_stands(world: EngineWorld) -> None:
    answer = Answer()
    world.participants.scripts["AuthorizePayment"] = [answer]
    process = world.process()
    start = asyncio.ensure_future(process.worker.start(world.order(), wait=60))
    await until(lambda: answer.asked)
    world.clock.advance(59)
    await turns()
    assert not start.done()

    world.clock.advance(2)
    state = await start
    assert state.status is Status.RUNNING
    assert state.commands["PaymentService.AuthorizePayment#1"].outcome is None
    answer.give()
    await world.stopped()


async def test_a_repeated_start_waits_too(world: EngineWorld) -> None:
    process, answer = await started(world, "AuthorizePayment")
    again = asyncio.ensure_future(process.worker.start(world.order(), wait=60))
    await turns()
    assert not again.done()

    answer.give()
    assert (await again).status is Status.COMPLETED


@pytest.mark.parametrize("way", ["start", "get", "watch"])
async def test_no_caller_is_told_of_an_end_before_it_is_durable(world: EngineWorld, way: str) -> None:
    process, answer = await started(world, "SendConfirmation")
    seen: list[Status | None] = []

    async def look() -> None:
        if way == "start":
            seen.append((await process.worker.start(world.order(), wait=60)).status)
        elif way == "get":
            await until(lambda: process.worker.live[SAGA].state.status is Status.COMPLETED)
            seen.append((await process.worker.get(SAGA)).status)
        else:
            seen.extend([state.status async for state in process.worker.watch(SAGA)][-1:])

    looking = asyncio.ensure_future(look())
    process.journal.journal_is = "held"
    answer.give()
    await turns()
    assert seen == []

    process.journal.switch("up")
    await looking
    assert seen == [Status.COMPLETED]


async def test_an_end_that_the_journal_did_not_take_is_not_shown(world: EngineWorld) -> None:
    process, answer = await started(world, "SendConfirmation")
    waiting = asyncio.ensure_future(process.worker.start(world.order(), wait=60))
    await turns()
    process.journal.journal_is = "held"
    answer.give()
    await turns()
    process.journal.switch("down")

    with pytest.raises(JournalUnavailable):
        await waiting


async def test_a_saga_that_was_never_started_cannot_be_seen(world: EngineWorld) -> None:
    worker = world.process().worker
    with pytest.raises(SagaNotFound):
        await worker.get(SAGA)
    with pytest.raises(SagaNotFound):
        await anext(worker.watch(SAGA))
