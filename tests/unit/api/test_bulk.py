"""What is done to many sagas, and what a dry run says of it beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.access.subject import Subject, enter
from orchestrator.api.bulk import act_on_sagas
from orchestrator.contract.access import Role
from orchestrator.errors import InvalidInput
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from tests.support.engine_world import SAGA, rejected, unknown, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.support.engine_world import EngineProcess, EngineWorld

    Case = tuple[pb.Action.ValueType, Callable[[EngineWorld], Awaitable[EngineProcess]], Status | str]


async def acted(process: EngineProcess, action: pb.Action.ValueType, *, dry_run: bool) -> list[pb.ActOnSagasResponse]:
    request = pb.ActOnSagasRequest(
        filter=pb.SagaFilter(definition="trip"), action=action, reason="why", dry_run=dry_run
    )
    enter(Subject("ada", frozenset({Role.OPERATOR}), "token file"))
    return [answer async for answer in act_on_sagas(request, process.sagas)]


async def running(world: EngineWorld) -> EngineProcess:
    """A saga that waits for its next attempt, for longer than a test lasts."""
    world.participants.scripts["AuthorizePayment"] = [unknown(retry_after=60)]
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: process.worker.live[SAGA].backs_off)
    return process


async def completed(world: EngineWorld) -> EngineProcess:
    process = await world.open()
    await process.run()
    return process


async def compensated(world: EngineWorld) -> EngineProcess:
    world.participants.scripts["ReserveStock"] = [rejected()]
    return await completed(world)


async def suspended_past_the_pivot(world: EngineWorld) -> EngineProcess:
    world.participants.scripts["SendConfirmation"] = [rejected()]
    return await completed(world)


async def paused(world: EngineWorld) -> EngineProcess:
    process = await running(world)
    await process.acts.pause(SAGA, "let me see", Actor("ada"))
    await world.stopped()
    return process


ALLOWED = [
    (pb.ACTION_CANCEL, running, Status.COMPENSATED),
    (pb.ACTION_CANCEL, paused, Status.COMPENSATED),
    (pb.ACTION_CANCEL, compensated, Status.COMPENSATED),
    (pb.ACTION_PAUSE, running, Status.SUSPENDED),
    (pb.ACTION_PAUSE, paused, Status.SUSPENDED),
    (pb.ACTION_RETRY_NOW, running, Status.COMPLETED),
    (pb.ACTION_RESUME, paused, Status.COMPLETED),
    (pb.ACTION_RESUME, suspended_past_the_pivot, Status.COMPLETED),
]
REFUSED = [
    (pb.ACTION_CANCEL, completed, "completed"),
    (pb.ACTION_CANCEL, suspended_past_the_pivot, "past its point of no return"),
    (pb.ACTION_PAUSE, completed, "completed"),
    (pb.ACTION_PAUSE, compensated, "compensated"),
    (pb.ACTION_RESUME, running, "running"),
    (pb.ACTION_RESUME, completed, "completed"),
    (pb.ACTION_RETRY_NOW, completed, "completed"),
    (pb.ACTION_RETRY_NOW, compensated, "compensated"),
    (pb.ACTION_RETRY_NOW, paused, "has no attempt that waits"),
]


def cases(table: Sequence[Case]) -> list[object]:
    return [pytest.param(*row, id=f"{pb.Action.Name(row[0])}-{row[1].__name__}") for row in table]


@pytest.mark.parametrize(("action", "at", "end"), cases(ALLOWED))
async def test_a_dry_run_says_what_would_be_done_does_nothing_and_then_it_is_done(
    world: EngineWorld, action: pb.Action.ValueType, at: Callable[[EngineWorld], Awaitable[EngineProcess]], end: Status
) -> None:
    process = await at(world)
    before = world.entries()
    assert await acted(process, action, dry_run=True) == [pb.ActOnSagasResponse(saga_id=SAGA, done=True)]
    assert world.entries() == before

    assert await acted(process, action, dry_run=False) == [pb.ActOnSagasResponse(saga_id=SAGA, done=True)]
    await until(lambda: world.state().status is end)


@pytest.mark.parametrize(("action", "at", "told"), cases(REFUSED))
@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "in earnest"])
async def test_what_cannot_be_done_is_refused_with_the_reason_in_a_dry_run_too(
    world: EngineWorld,
    action: pb.Action.ValueType,
    at: Callable[[EngineWorld], Awaitable[EngineProcess]],
    told: str,
    *,
    dry_run: bool,
) -> None:
    process = await at(world)

    (answer,) = await acted(process, action, dry_run=dry_run)

    assert (answer.saga_id, answer.done) == (SAGA, False)
    assert told in answer.refusal


async def test_only_the_sagas_of_the_filter_are_acted_on(world: EngineWorld) -> None:
    process = await completed(world)
    filter_ = pb.SagaFilter(definition="trip", statuses=[saga_pb2.STATUS_SUSPENDED])
    request = pb.ActOnSagasRequest(filter=filter_, action=pb.ACTION_PAUSE)

    assert [answer async for answer in act_on_sagas(request, process.sagas)] == []


async def test_every_page_of_the_sagas_that_match_is_acted_on(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.api.bulk._PAGE", 2)
    monkeypatch.setattr("orchestrator.api.bulk._TOGETHER", 3)
    process = await world.open()
    sagas = {f"saga-{number}" for number in range(7)}
    for saga_id in sagas:
        await process.worker.start(world.order(saga_id=saga_id))

    answers = await acted(process, pb.ACTION_PAUSE, dry_run=True)

    assert len(answers) == 7
    assert {answer.saga_id for answer in answers} == sagas


async def test_a_filter_that_restricts_nothing_acts_on_nobody(world: EngineWorld) -> None:
    process = await completed(world)

    with pytest.raises(InvalidInput) as refused:
        [answer async for answer in act_on_sagas(pb.ActOnSagasRequest(), process.sagas)]

    assert [field for field, _ in refused.value.violations] == ["filter"]
