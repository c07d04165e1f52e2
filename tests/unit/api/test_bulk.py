"""What is done to many sagas, and what a dry run says of it beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.api.bulk import act_on_sagas
from orchestrator.errors import InvalidInput
from orchestrator.journal.state import Status
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from tests.unit.engine.stage import SAGA, rejected, unknown, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.engine.stage import EngineProcess, Stage


async def acted(process: EngineProcess, action: pb.Action, *, dry_run: bool) -> list[pb.ActOnSagasResponse]:
    request = pb.ActOnSagasRequest(
        filter=pb.SagaFilter(definition="trip"), action=action, reason="why", requested_by="ada", dry_run=dry_run
    )
    return [answer async for answer in act_on_sagas(request, process.sagas)]


async def running(stage: Stage) -> EngineProcess:
    """A saga that waits for its next attempt, for longer than a test lasts."""
    stage.participants.scripts["AuthorizePayment"] = [unknown(retry_after=60)]
    process = await stage.open()
    await process.worker.start(stage.order())
    await until(lambda: process.worker.live[SAGA].backs_off)
    return process


async def completed(stage: Stage) -> EngineProcess:
    process = await stage.open()
    await process.run()
    return process


async def compensated(stage: Stage) -> EngineProcess:
    stage.participants.scripts["ReserveStock"] = [rejected()]
    return await completed(stage)


async def suspended_past_the_pivot(stage: Stage) -> EngineProcess:
    stage.participants.scripts["SendConfirmation"] = [rejected()]
    return await completed(stage)


async def paused(stage: Stage) -> EngineProcess:
    process = await running(stage)
    await process.acts.pause(SAGA, "let me see", "ada")
    await stage.stopped()
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


def cases(table: list[tuple[pb.Action, Callable[..., Awaitable[EngineProcess]], object]]) -> list[object]:
    return [pytest.param(*row, id=f"{pb.Action.Name(row[0])}-{row[1].__name__}") for row in table]


@pytest.mark.parametrize(("action", "at", "end"), cases(ALLOWED))
async def test_a_dry_run_says_what_would_be_done_does_nothing_and_then_it_is_done(
    stage: Stage, action: pb.Action, at: Callable[[Stage], Awaitable[EngineProcess]], end: Status
) -> None:
    process = await at(stage)
    before = stage.entries()
    assert await acted(process, action, dry_run=True) == [pb.ActOnSagasResponse(saga_id=SAGA, done=True)]
    assert stage.entries() == before

    assert await acted(process, action, dry_run=False) == [pb.ActOnSagasResponse(saga_id=SAGA, done=True)]
    await until(lambda: stage.state().status is end)


@pytest.mark.parametrize(("action", "at", "told"), cases(REFUSED))
@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "in earnest"])
async def test_what_cannot_be_done_is_refused_with_the_reason_in_a_dry_run_too(
    stage: Stage, action: pb.Action, at: Callable[[Stage], Awaitable[EngineProcess]], told: str, *, dry_run: bool
) -> None:
    process = await at(stage)

    (answer,) = await acted(process, action, dry_run=dry_run)

    assert (answer.saga_id, answer.done) == (SAGA, False)
    assert told in answer.refusal


async def test_only_the_sagas_of_the_filter_are_acted_on(stage: Stage) -> None:
    process = await completed(stage)
    filter_ = pb.SagaFilter(definition="trip", statuses=[saga_pb2.STATUS_SUSPENDED])
    request = pb.ActOnSagasRequest(filter=filter_, action=pb.ACTION_PAUSE)

    assert [answer async for answer in act_on_sagas(request, process.sagas)] == []


async def test_every_page_of_the_sagas_that_match_is_acted_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.api.bulk._PAGE", 2)
    monkeypatch.setattr("orchestrator.api.bulk._TOGETHER", 3)
    process = await stage.open()
    sagas = {f"saga-{number}" for number in range(7)}
    for saga_id in sagas:
        await process.worker.start(stage.order(saga_id=saga_id))

    answers = await acted(process, pb.ACTION_PAUSE, dry_run=True)

    assert len(answers) == 7
    assert {answer.saga_id for answer in answers} == sagas


async def test_a_filter_that_restricts_nothing_acts_on_nobody(stage: Stage) -> None:
    process = await completed(stage)

    with pytest.raises(InvalidInput) as refused:
        [answer async for answer in act_on_sagas(pb.ActOnSagasRequest(), process.sagas)]

    assert [field for field, _ in refused.value.violations] == ["filter"]
