"""The history of a cluster's sagas is kept in a journal: of those that have ended, and of no others."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.finding.ended import EndedOnCluster
from orchestrator.errors import JournalsDiffer
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.store.copying.history import copy_history
from orchestrator.store.copying.sagas import CopyProgress
from orchestrator.store.opening import open_store
from orchestrator.testing.conformance.engines.answers import REJECTED
from orchestrator.testing.conformance.engines.sagas import delivery, parcel, trip
from orchestrator.testing.world.participants import ScriptedParticipants
from tests.integration.store.test_copying import command
from tests.integration.temporal.test_from_outside import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from temporalio.client import Client

    from orchestrator.ports.history import WholeSaga
    from orchestrator.ports.journal import Journal
    from orchestrator.testing.conformance.engines.harness import Stage
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel"),
]

ENDED = {
    "trip-1": Status.COMPLETED,
    "trip-2": Status.COMPENSATED,
    "delivery-1": Status.COMPLETED,
}


@pytest.fixture
async def url(temporal_namespaces: Namespaces) -> str:
    return temporal_namespaces.take()


@asynccontextmanager
async def opened_journal(folder: Path) -> AsyncIterator[Journal]:
    journal = await open_store(f"sqlite:{folder}/history.db")
    try:
        yield journal
    finally:
        await journal.close()


async def copied(client: Client, folder: Path) -> tuple[CopyProgress, Mapping[str, int]]:
    async with opened_journal(folder) as journal:
        return await copy_history(EndedOnCluster(client), journal, lambda _: None)


async def some_sagas(stage: Stage) -> None:
    """Those of ``ENDED``, a child of the last one, and one that waits for a person."""
    await stage.run(trip, "trip-1")
    stage.participants.scripts["ArrangeShipment"] = [REJECTED]
    await stage.run(trip, "trip-2")
    await stage.run(delivery, "delivery-1")
    stage.participants.scripts["SendConfirmation"] = [REJECTED]
    assert (await stage.run(trip, "trip-3")).status is Status.SUSPENDED


async def left(client: Client) -> Mapping[str, int]:
    return (await EndedOnCluster(client).ended()).left


async def test_sagas_that_have_ended_are_copied_with_every_entry_and_the_others_are_left(
    url: str, tmp_path: Path
) -> None:
    client = await connect(url)
    async with served(client, ScriptedParticipants(), trip, delivery, parcel) as stage:
        await some_sagas(stage)
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-4")
        await answer.asked.wait()
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-5")
        await answer.asked.wait()
        await client.get_workflow_handle("trip-5").terminate(reason="somebody was in a hurry")

        async def are_listed() -> bool:
            return await left(client) == {"running": 1, "suspended": 2}

        await stage.eventually(are_listed)
        journals = {saga_id: await stage.sagas.entries(saga_id) for saga_id in ENDED}

        progress, others = await copied(client, tmp_path)

        assert others == {"running": 1, "suspended": 2}
        assert progress == CopyProgress(4, 4, 0, 4), "the child has ended with its parent"
        async with opened_journal(tmp_path) as journal:
            records, _ = await journal.search(SagaFilter(), 10, "", oldest_first=True)
            assert [each.saga_id for each in records][:3] == list(ENDED)
            assert {each.saga_id: each.status for each in records if "/" not in each.saga_id} == ENDED
            assert {saga_id: await journal.read(saga_id) for saga_id in ENDED} == journals
            assert records[0].digest == stage.request(trip, "trip-1").digest
            assert await journal.claim_unfinished("a replica", 10) == []
            assert await journal.silent() == []


async def test_a_copy_that_is_repeated_compares_what_is_there_and_brings_what_has_ended_since(
    url: str, tmp_path: Path
) -> None:
    client = await connect(url)
    async with served(client, ScriptedParticipants(), trip) as stage:
        await stage.run(trip, "trip-1")
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-2")
        await answer.asked.wait()

        async def is_listed() -> bool:
            return await left(client) == {"running": 1}

        await stage.eventually(is_listed)
        first, _ = await copied(client, tmp_path)
        answer.give()
        await stage.rests("trip-2")

        async def has_ended() -> bool:
            return not await left(client)

        await stage.eventually(has_ended)
        second, others = await copied(client, tmp_path)

    assert (first, second) == (CopyProgress(1, 1, 0, 1), CopyProgress(2, 1, 1, 2))
    assert not others


async def test_a_journal_that_holds_something_else_of_a_saga_is_told(url: str, tmp_path: Path) -> None:
    client = await connect(url)
    async with served(client, ScriptedParticipants(), trip) as stage:
        await stage.run(trip, "trip-1")

        async def has_ended() -> bool:
            return not await left(client)

        await stage.eventually(has_ended)

    class Changed(EndedOnCluster):
        async def read(self, saga_id: str) -> WholeSaga:
            read = await super().read(saga_id)
            return read._replace(record=replace(read.record, digest=b"another"))

    async with opened_journal(tmp_path) as journal:
        await copy_history(Changed(client), journal, lambda _: None)
        with pytest.raises(JournalsDiffer, match="trip-1"):
            await copy_history(EndedOnCluster(client), journal, lambda _: None)


async def test_the_command_says_what_was_copied_and_what_was_left(url: str, tmp_path: Path) -> None:
    client = await connect(url)
    async with served(client, ScriptedParticipants(), trip) as stage:
        await stage.run(trip, "trip-1")
        stage.participants.scripts["SendConfirmation"] = [REJECTED]
        await stage.run(trip, "trip-2")

        async def are_listed() -> bool:
            return await left(client) == {"suspended": 1}

        await stage.eventually(are_listed)

    target = f"sqlite:{tmp_path}/history.db"
    told = command("journal", "copy", "--from", url, "--to", target)
    as_json = command("journal", "copy", "--from", url, "--to", target, "--json")

    assert "1 saga copied, 0 had been there; every entry of 1 is the same" in told.stderr
    assert "Left there, because they may go on: 1 suspended" in told.stderr
    assert json.loads(as_json.stdout) == {"copied": 0, "found": 1, "compared": 1, "left": {"suspended": 1}}


def test_no_journal_is_copied_to_a_cluster(tmp_path: Path) -> None:
    refused = command("journal", "copy", "--from", f"sqlite:{tmp_path}/journal.db", "--to", "temporal://127.0.0.1/shop")

    assert refused.returncode == 2
    assert "no history can be brought to a Temporal cluster" in refused.stderr
