"""``orchestrator serve --processes``: several replicas on one port, on a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from orchestrator.shop.demo.addresses import Addresses, settings_removed
from orchestrator.shop.demo.procfile import ROOT
from tests.acceptance.conftest import BIN, PATIENCE, buf_curl, run
from tests.acceptance.pages import PAGES
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.trips import Agency


@contextmanager
def serving(url: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Two replicas on a free port, at which nothing else is; killed at the end, should they still run."""
    state = tempfile.TemporaryDirectory()
    keep_token(Path(state.name))
    environment = {
        "STATE_DIR": state.name,
        "ORCHESTRATOR_SAGAS": "orchestrator.shop",
        "ORCHESTRATOR_JOURNAL": url,
        "ORCHESTRATOR_PROCESSES": "2",
        **Addresses.free().environment,
        **settings,
    }
    with (
        state,
        subprocess.Popen(
            [str(BIN / "orchestrator"), "serve"],
            cwd=ROOT,
            env=settings_removed(os.environ) | environment,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def says(process: subprocess.Popen[str], wanted: str) -> str:
    """The next line of its log that holds this."""
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if wanted in line:
            return line
    pytest.fail("".join(said))


def test_a_replica_that_is_killed_is_started_again_while_another_answers(postgres_url: str) -> None:
    with serving(postgres_url) as process:
        address = says(process, "[1] orchestrator: orchestrator listening on ").split()[-1]
        says(process, "all 2 replicas listen")
        assert not loaded_of_grpc(process.pid)
        for victim in psutil.Process(process.pid).children():
            victim.kill()
            assert " was killed by SIGKILL; it is started again in " in says(process, "orchestrator: replica ")
            assert run(str(BIN / "orchestrator"), "list", "--address", address).err == "no sagas\n"
            says(process, "all 2 replicas listen")

        replicas = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        says(process, "orchestrator draining")
        assert process.wait(PATIENCE) == 0
        assert not [replica for replica in replicas if replica.is_running()]


def loaded_of_grpc(pid: int) -> list[str]:
    """The libraries of gRPC and protobuf that a process has loaded."""
    return [each.path for each in psutil.Process(pid).memory_maps() if "grpc" in each.path or "protobuf" in each.path]


def test_no_replica_outlives_a_parent_that_is_killed(postgres_url: str) -> None:
    with serving(postgres_url) as process:
        says(process, "orchestrator listening on ")  # the second one has only begun to start
        replicas = psutil.Process(process.pid).children()
        process.kill()
        process.wait(PATIENCE)
        ended, outliving = psutil.wait_procs(replicas, PATIENCE)
    assert ended
    assert not outliving


def test_what_keeps_replicas_from_starting_is_told_once(postgres_url: str) -> None:
    with serving(postgres_url, ORCHESTRATOR_SAGAS="no_such_module") as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert said.count("there is no module 'no_such_module'") == 1
    assert "replica 1 ended with 2 before it listened, and no replica listens: giving up" in said


def test_a_port_that_other_replicas_share_is_refused(postgres_url: str) -> None:
    with serving(postgres_url) as process:
        address = says(process, "orchestrator listening on ").split()[-1]
        with serving(postgres_url, ORCHESTRATOR_LISTEN=address) as late:
            _, said = late.communicate(timeout=PATIENCE)
        assert late.returncode == 1
        assert f"error: cannot listen on {address}: port {address.rpartition(':')[2]} is in use" in said


@contextmanager
def shell(folder: Path, command: str) -> Iterator[subprocess.Popen[str]]:
    """A command that is typed in a folder; interrupted at the end, should it still run."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env=settings_removed(os.environ) | {"PATH": path},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)


def booked(address: str, city: str) -> str:
    """How a trip to this city ends, as the page books it."""
    order = {"@type": "type.googleapis.com/trip.v1.BookTripRequest", "city": city}
    request = json.dumps({"definition": "book_trip", "input": order, "wait": "20s"})
    told = buf_curl("-d", request, f"http://{address}/saga.v1.SagaService/StartSaga")
    return str(json.loads(told.out)["saga"]["status"])


def test_a_project_goes_from_one_file_to_three_replicas(
    project: Path, agency: Agency, postgres_url: str, tmp_path: Path
) -> None:
    """Every command of the chapter, in the order of the page."""
    folder = tmp_path / "trips"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".state", "__pycache__"))
    keep_token(folder / ".state")
    [chapter] = [block for block in PAGES["README.md"].blocks("sh") if "--processes" in block.code]
    export, copy, serve = (
        command.replace("postgresql://postgres@127.0.0.1:5432/trips", postgres_url).replace(
            "127.0.0.1:52001", agency.participants
        )
        for command in chapter.commands
    )
    participants = serve[serve.index("--participant") :]
    listen = f"ORCHESTRATOR_LISTEN={Addresses.free().orchestrator}"
    with shell(folder, f"{listen} exec orchestrator serve --sagas trip_sagas {participants}") as alone:
        address = says(alone, "listening on ").split()[-1]
        assert booked(address, "Lisbon") == "STATUS_COMPLETED"
    with shell(folder, f"{export}; {copy}") as copying:
        assert "1 saga copied, 0 had been there" in says(copying, "copied")
        assert copying.wait(PATIENCE) == 0
    with shell(folder, f"{export}; {listen} exec {serve}") as replicas:
        says(replicas, "all 3 replicas listen")
        victim, *_ = psutil.Process(replicas.pid).children()
        victim.kill()
        victim.wait(PATIENCE)
        assert booked(address, "Atlantis") == "STATUS_COMPENSATED"
        listed = run(str(BIN / "orchestrator"), "list", "--address", address).out
        assert listed.count("book_trip") == 2
