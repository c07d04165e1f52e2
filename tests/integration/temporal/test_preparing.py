"""A namespace is made ready once, and doctor says what it lacks."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.temporal.cluster.connecting import ClusterFiles, Place, connect
from orchestrator.engine.temporal.cluster.examining import examine_cluster
from orchestrator.engine.temporal.cluster.preparing import TYPES, prepare, readiness
from orchestrator.engine.temporal.opening import opened
from orchestrator.errors import InvalidInput, JournalUnavailable, SettingsError
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.testing.conformance.engines.harness import Stage
from orchestrator.testing.conformance.engines.sagas import trip
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.virtual_loop import Process
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.integration.temporal.test_from_outside import Workers, served
from tests.support.certificate_files import Authority
from tests.support.proxy import Proxy
from tests.support.temporal import TemporalServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.temporal import Namespaces


@pytest.fixture
def bare_server(tmp_path: Path) -> Iterator[TemporalServer]:
    server = TemporalServer(tmp_path, ["bare"], prepared=False)
    server.start()
    yield server
    server.kill()


@pytest.mark.long
async def test_a_namespace_is_prepared_once(bare_server: TemporalServer) -> None:
    url = bare_server.url("bare")
    client = await connect(url)
    assert set((await readiness(client)).missing) == set(TYPES)
    lacking = {finding.about: finding.severity.value for finding in await examine_cluster(url, [("trip", 1)])}

    made = await prepare(client)
    again = await prepare(client)

    assert set(made) == set(TYPES)
    assert again == ()
    assert lacking == {
        "engine": "fine",
        "search attributes": "error",
        "schedules": "fine",
        "retention": "warning",
        "workers of trip v1": "warning",
    }
    found = {finding.about: finding.severity.value for finding in await examine_cluster(url, [])}
    assert found["search attributes"] == "fine"


@pytest.mark.long
async def test_a_namespace_that_is_made_is_ready(bare_server: TemporalServer) -> None:
    client = await connect(bare_server.url("made"))
    with pytest.raises(JournalUnavailable, match="made"):
        await readiness(client)

    assert set(await prepare(client)) == set(TYPES)

    assert (await readiness(client)).missing == ()


async def test_a_cluster_on_another_machine_is_reached_over_tls_alone(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="without TLS"):
        await connect("temporal://temporal.example:7233/shop")
    with pytest.raises(SettingsError, match=r"no-such-file"):
        await connect("temporal://temporal.example:7233/shop", ClusterFiles(ca=tmp_path / "no-such-file"))
    (tmp_path / "token").write_text("a key")
    assert ClusterFiles(token=tmp_path / "token").tls is not None, "a key is sent over TLS alone"
    assert ClusterFiles().tls is None


@pytest.mark.long
async def test_a_cluster_is_reached_over_tls_with_a_certificate_of_our_own(
    temporal_namespaces: Namespaces, tmp_path: Path
) -> None:
    place = Place.of(temporal_namespaces.take())
    authority, strangers = Authority(tmp_path / "ours"), Authority(tmp_path / "strangers")
    server, mine, other = authority.issue("127.0.0.1"), authority.issue("worker"), strangers.issue("stranger")
    async with Proxy(place.target, random.Random(1), tls=server.server()) as over_tls:
        url = f"temporal://{over_tls.address}/{place.namespace}"
        client = await connect(url, ClusterFiles(mine.ca, mine.certificate, mine.key))
        async with served(client, ScriptedParticipants(), trip) as stage:
            await stage.start(trip, "trip-1")
            await stage.comes_to("trip-1", Status.COMPLETED)
        for refused in (
            ClusterFiles(mine.ca),
            ClusterFiles(mine.ca, other.certificate, other.key),
            ClusterFiles(other.ca, mine.certificate, mine.key),
        ):
            with pytest.raises(JournalUnavailable, match="cannot be reached"):
                await connect(url, refused)


async def test_a_url_names_a_cluster_and_a_namespace() -> None:
    with pytest.raises(SettingsError):
        Place.of("temporal://host/a/b")
    assert Place.of("temporal://host") == Place("host:7233", "default")


@pytest.mark.long
async def test_what_is_not_offered_says_so(temporal_namespaces: Namespaces) -> None:
    client = await connect(temporal_namespaces.take())
    participants, observer = ScriptedParticipants(), RecordingObserver()
    network = NetworkConnection(participants, Process("worker"))
    async with opened(client, [trip], network, observer, SystemClock()) as sagas:
        stage = Stage(Workers(sagas, client), participants, observer)
        with pytest.raises(InvalidInput, match="carries"):
            await stage.start(trip, "large-1", StartOrderRequest(customer_id="a" * 2_000_000))
        with pytest.raises(InvalidInput):
            await sagas.search(SagaFilter(), 10, "no token")
        for token in ("no token", "1", "x:1"):
            with pytest.raises(InvalidInput):
                await sagas.search(SagaFilter(), 10, token, oldest_first=True)
        assert await sagas.entries("large-1") == []


def test_importing_the_orchestrator_needs_no_client_of_temporal() -> None:
    code = "import sys, json, orchestrator.bootstrap, orchestrator.cli.app; print(json.dumps(list(sys.modules)))"

    imported = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    assert "orchestrator.bootstrap" in imported
    assert not [name for name in imported if name.partition(".")[0] == "temporalio"]


def test_a_group_ends_its_tasks_in_the_order_in_which_they_were_made() -> None:
    code = """
import asyncio
from orchestrator.engine.temporal.hosting.task_groups import order_task_groups
order_task_groups()
ended = []
async def wait(number):
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(number)
async def main():
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(200):
                group.create_task(wait(number))
            await asyncio.sleep(0)
            raise KeyError
    except* KeyError:
        pass
asyncio.run(main())
assert ended == sorted(ended) and len(ended) == 200, ended
"""
    subprocess.run([sys.executable, "-c", code], check=True)
