"""``orchestrator serve --processes``: several replicas on one port, on a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from orchestrator.shop.demo.addresses import Addresses, settings_removed
from orchestrator.shop.demo.procfile import ROOT
from tests.acceptance.conftest import BIN, PATIENCE, run

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def serving(url: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Two replicas on a free port, at which nothing else is; killed at the end, should they still run."""
    environment = {
        "ORCHESTRATOR_SAGAS": "orchestrator.shop",
        "ORCHESTRATOR_JOURNAL": url,
        "ORCHESTRATOR_PROCESSES": "2",
        **Addresses.free().environment,
        **settings,
    }
    with subprocess.Popen(
        [str(BIN / "orchestrator"), "serve"],
        cwd=ROOT,
        env=settings_removed(os.environ) | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
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
