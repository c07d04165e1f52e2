"""A journal file that an earlier version has left behind is carried on: every saga in it comes to its end."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.replica.acting.acts import Acts
from orchestrator.engine.replica.upkeep.figures import FigurePasses
from orchestrator.journal.actor import Actor
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status, StepOutcome
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.figure_sums import summed
from orchestrator.ports.figures import Step, Window
from orchestrator.store.copying.journals import copy_journal
from orchestrator.store.opening import open_store
from orchestrator.store.sqlite.journal import SqliteJournal
from orchestrator.testing.world.clock import JumpingClock
from orchestrator.testing.world.participants import ScriptedParticipants
from tests.golden.journal_file import (
    ASKED,
    AUTHORIZING,
    COMPLETED,
    FILE,
    FULFILLING,
    SUSPENDED,
    VOIDING,
    worker_on,
)
from tests.golden.record import REPLIES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orchestrator.engine.replica.worker import Worker
    from orchestrator.ports.journal import Journal

ENDS = {
    COMPLETED: Status.COMPLETED,
    ASKED: Status.COMPLETED,
    AUTHORIZING: Status.COMPLETED,
    FULFILLING: Status.COMPLETED,
    VOIDING: Status.COMPENSATED,
    SUSPENDED: Status.SUSPENDED,
}


@pytest.fixture
def participants() -> ScriptedParticipants:
    participants = ScriptedParticipants()
    participants.replies.update(REPLIES)
    return participants


@pytest.fixture(params=["sqlite", "postgresql"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    """The journal of the earlier version: its file, or the database to which it was moved."""
    path = tmp_path / "orchestrator.db"
    shutil.copy(FILE, path)
    left_behind = await SqliteJournal.open(path)
    if request.param == "sqlite":
        return left_behind
    moved = await open_store(request.getfixturevalue("postgres_url"))
    await copy_journal(left_behind, moved, lambda _: None)
    await left_behind.close()
    return moved


@pytest.fixture
async def worker(journal: Journal, participants: ScriptedParticipants) -> AsyncIterator[Worker]:
    """A process of this version, before it has recovered anything."""
    worker = worker_on(journal, participants, "the-next")
    yield worker
    await worker.close(5)
    await journal.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def test_each_saga_of_an_earlier_version_comes_to_its_end(worker: Worker) -> None:
    await worker.open()

    assert {saga_id: (await worker.wait(saga_id, 1e6)).status for saga_id in ENDS} == ENDS


async def test_nothing_is_sent_again_whose_result_an_earlier_version_has_journalled(
    worker: Worker, participants: ScriptedParticipants
) -> None:
    states = {saga_id: await worker.get(saga_id) for saga_id in ENDS}
    settled = {
        f"{saga_id}/{command.key}"
        for saga_id, state in states.items()
        for command in state.commands.values()
        if command.outcome is StepOutcome.COMPLETED
    }
    await worker.open()
    for saga_id in ENDS:
        await worker.wait(saga_id, 1e6)

    assert settled
    assert not settled & {call.key for call in participants.calls}


async def test_a_saga_that_an_earlier_version_has_suspended_is_resumed(worker: Worker) -> None:
    await worker.open()
    await Acts(worker).resume(SUSPENDED, "the bin is full again", Actor("ada"))

    assert (await worker.wait(SUSPENDED, 1e6)).status is Status.COMPLETED


async def test_what_went_wrong_before_an_earlier_version_knew_of_causes_is_found_and_counted(
    journal: Journal, worker: Worker
) -> None:
    await FigurePasses(journal, JumpingClock()).run_once()

    (group,) = await journal.suspended()
    fulfil = "shop.warehouse.v1.WarehouseService.FulfilOrder"
    assert (group.definition, group.command, group.code, group.number) == (
        "place_order",
        fulfil,
        ReasonCode.REJECTED_AFTER_PIVOT,
        1,
    )
    record = await journal.find(SUSPENDED)
    assert record is not None
    assert record.cause == (await worker.get(SUSPENDED)).cause
    found, _ = await journal.search(SagaFilter(failed_command=fulfil, reason="BIN_EMPTY"), 10, "")
    assert found == [record]
    ended = await journal.find(COMPLETED)
    assert ended is not None
    window = Window.of(ended.started_at, ended.started_at + 1, Step.DAY, ended.started_at)
    figures = summed(await journal.figures(window))
    assert (figures.started, figures.ended) == (len(ENDS), {Status.COMPLETED: 1})
