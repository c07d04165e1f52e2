"""Each process alone, and all of them together, started as the README says."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from orchestrator.shop.demo.addresses import Addresses, settings_removed
from orchestrator.shop.demo.procfile import ROOT, SERVICES
from orchestrator.shop.demo.supervisor import taken
from tests.acceptance.conftest import BIN, PATIENCE, buf_curl, run
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def state_with_token() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as state:
        keep_token(Path(state))
        yield state


@contextmanager
def started(*command: str, until: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has said something; killed at the end, should it still run."""
    with (
        state_with_token() as state,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=settings_removed(os.environ) | {"PATH": PATH, "STATE_DIR": state} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout
            said = []
            for line in process.stdout:
                said.append(line)
                if until in line:
                    break
            else:
                pytest.fail("".join(said))
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_a_service_starts_alone() -> None:
    listening = "inventory listening on "
    with started("python", "-m", "services.inventory", until=listening, INVENTORY_LISTEN="127.0.0.1:0") as service:
        service.send_signal(signal.SIGINT)
        assert service.wait(PATIENCE) == 0


def test_the_orchestrator_starts_alone() -> None:
    address = Addresses.free().orchestrator
    with started(
        "orchestrator", "serve", "--sagas", "orchestrator.shop", until="listening on", ORCHESTRATOR_LISTEN=address
    ) as orchestrator:
        assert "saga.v1.SagaService" in buf_curl("--list-services", f"http://{address}").out
        assert run(str(BIN / "orchestrator"), "list", "--address", address).err == "no sagas\n"
        orchestrator.send_signal(signal.SIGTERM)
        assert orchestrator.wait(PATIENCE) == 0


def test_run_tells_where_everything_is_and_stops_cleanly() -> None:
    addresses = Addresses.free()
    command = (sys.executable, "-m", "orchestrator.shop.demo.run")
    with started(*command, until="grpcurl -plaintext -H", **addresses.environment) as running:
        running.send_signal(signal.SIGINT)
        assert running.stdout
        said = running.stdout.read()
        assert running.wait(PATIENCE) == 0
    assert all(re.search(rf"^{name} +\| stopped \(rc=0\)$", said, re.MULTILINE) for name in (*SERVICES, "orchestrator"))


def test_run_shows_replicas_on_one_database_and_stops_all_of_it(tmp_path: Path) -> None:
    addresses = Addresses.free()
    command = (sys.executable, "-m", "orchestrator.shop.demo.run")
    keep_token(tmp_path)
    replicated = {**addresses.environment, "REPLICAS": "2", "STATE_DIR": str(tmp_path)}
    with started(*command, until="all 2 replicas listen", **replicated) as running:
        sagas = {"ORCHESTRATOR_ADDRESS": addresses.orchestrator}
        assert run(str(BIN / "orchestrator"), "list", **sagas).err == "no sagas\n"
        [database] = [child for child in psutil.Process(running.pid).children() if child.name() == "postgres"]
        running.send_signal(signal.SIGINT)
        assert running.stdout
        said = running.stdout.read()
        assert running.wait(PATIENCE) == 0, said
        assert not database.is_running()
    stopped = re.findall(r"^(\w+) +\| stopped \(rc=0\)$", said, re.MULTILINE)
    assert {*stopped} == {*SERVICES, "orchestrator", "database"}
    assert stopped[-1] == "database"
    assert not processes_with(f"STATE_DIR={tmp_path}")


def test_run_over_a_queue_starts_its_broker_first_and_stops_it_last(tmp_path: Path) -> None:
    keep_token(tmp_path)
    addresses = Addresses.free()
    command = (sys.executable, "-m", "orchestrator.shop.demo.run")
    queued = {**addresses.environment, "CHANNEL": "nats", "STATE_DIR": str(tmp_path)}
    with started(*command, until="grpcurl -plaintext -H", **queued) as running:
        [broker] = [child for child in psutil.Process(running.pid).children() if child.name() == "nats-server"]
        broker.kill()
        assert running.stdout
        for line in running.stdout:
            if "connected with" in line and "again" in line:  # a service, with the broker that was started again
                break
        running.send_signal(signal.SIGINT)
        said = running.stdout.read()
        assert running.wait(PATIENCE) == 0
    stopped = re.findall(r"^(\w+) +\| stopped \(rc=0\)$", said, re.MULTILINE)
    assert {*stopped} == {*SERVICES, "loyalty", "orchestrator", "broker"}
    assert stopped[-1] == "broker"
    assert not processes_with(f"STATE_DIR={tmp_path}")


@pytest.mark.parametrize("module", ["orchestrator.shop.demo", "orchestrator.shop.demo.run"])
def test_a_channel_that_there_is_not_is_refused(module: str) -> None:
    done = run(sys.executable, "-m", module, CHANNEL="pigeon")
    assert done.code == 2
    assert "error: CHANNEL: expected grpc, http, nats, mixed, not 'pigeon'" in done.out + done.err


@pytest.mark.parametrize("module", ["orchestrator.shop.demo", "orchestrator.shop.demo.choreography"])
def test_an_engine_that_there_is_not_is_refused(module: str, tmp_path: Path) -> None:
    done = run(sys.executable, "-m", module, ENGINE="horse", TMPDIR=str(tmp_path))
    assert done.code == 2
    assert "error: ENGINE: temporal, or nothing, is expected, not horse" in done.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("replicas", ["many", "0"])
def test_a_number_of_replicas_that_cannot_be_is_refused(replicas: str) -> None:
    done = run(sys.executable, "-m", "orchestrator.shop.demo.run", REPLICAS=replicas)
    assert done.code == 2
    assert done.err.startswith("error: REPLICAS: ")


def test_nothing_is_started_where_another_program_has_a_port(tmp_path: Path) -> None:
    addresses = Addresses.free()
    address = addresses.services["shipping"]
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))):
        done = run(sys.executable, "-m", "orchestrator.shop.demo.run", STATE_DIR=str(tmp_path), **addresses.environment)
    assert (done.code, done.out) == (1, "")
    assert f"error: shipping cannot listen on {address}: Address already in use" in done.err
    assert "PORT_BASE=51100 make run" in done.err
    assert not list(tmp_path.iterdir())


def test_a_process_that_gives_up_stops_everything_and_is_named(tmp_path: Path) -> None:
    wrong = Addresses.free().environment | {"SHIPPING_DATABASE_URL": "nonsense"}
    done = run(sys.executable, "-m", "orchestrator.shop.demo.run", STATE_DIR=str(tmp_path), **wrong)
    assert done.code == 1
    assert "SHIPPING_DATABASE_URL" in done.out
    assert re.search(r"error: shipping gave up \(rc=\d+\), so the others were stopped too; see", done.err)


@pytest.mark.parametrize(("number", "told"), [(signal.SIGKILL, "killed by SIGKILL"), (signal.SIGTERM, "told to end")])
def test_a_process_that_is_ended_under_make_run_is_started_again(number: signal.Signals, told: str) -> None:
    command = (sys.executable, "-m", "orchestrator.shop.demo.run")
    with started(*command, until="Ctrl-C stops everything", **Addresses.free().environment) as running:
        [orchestrator] = [
            child for child in psutil.Process(running.pid).children() if "serve" in " ".join(child.cmdline())
        ]
        orchestrator.send_signal(number)
        assert running.stdout
        said = ""
        for line in running.stdout:
            said += line
            if "orchestrator listening on" in line:
                break
        assert re.search(rf"^orchestrator +\| {told}; it is started again$", said, re.MULTILINE)
        running.send_signal(signal.SIGINT)
        running.stdout.read()
        assert running.wait(PATIENCE) == 0


def test_one_setting_moves_all_ports_and_the_commands_that_are_printed() -> None:
    base = free_base()
    command = (sys.executable, "-m", "orchestrator.shop.demo.run")
    with started(*command, until="What can be ordered: ", PORT_BASE=str(base)) as running:
        assert running.stdout
        told = [running.stdout.readline() for _ in range(2)]
        where = f"127.0.0.1:{base}"
        assert re.search(rf"export ORCHESTRATOR_ADDRESS={where} STATE_DIR=\S+; .venv/bin/orchestrator list\n", told[0])
        assert run(str(BIN / "orchestrator"), "list", ORCHESTRATOR_ADDRESS=where).err == "no sagas\n"
        running.send_signal(signal.SIGINT)
        running.stdout.read()
        assert running.wait(PATIENCE) == 0


@pytest.mark.parametrize("base", ["many", "0", "65530"])
def test_a_port_base_that_cannot_be_is_refused(base: str) -> None:
    done = run(sys.executable, "-m", "orchestrator.shop.demo.run", PORT_BASE=base)
    assert done.code == 2
    assert done.err.startswith("error: PORT_BASE: ")


def free_base() -> int:
    """The first of so many ports in a row that no process uses."""
    return next(base for base in range(10_100, 20_000, 100) if not list(taken(Addresses.moved(base).all)))


@pytest.mark.parametrize("channel", ["grpc", "mixed"])
def test_the_demo_is_as_promised(channel: str) -> None:
    done = run(sys.executable, "-m", "orchestrator.shop.demo", CHANNEL=channel)
    assert done.code == 0, done.out
    assert "all as promised" in done.out


@pytest.mark.timeout(400)
def test_the_demo_is_as_promised_on_a_temporal_cluster() -> None:
    done = run(sys.executable, "-m", "orchestrator.shop.demo", ENGINE="temporal")
    assert done.code == 0, done.out
    assert "all as promised" in done.out


def test_the_demo_leaves_nothing_behind_when_interrupted(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "orchestrator.shop.demo")
    with started(*command, until="PaymentService.AuthorizePayment in progress", TMPDIR=str(tmp_path)) as demo:
        demo.send_signal(signal.SIGINT)
        assert demo.stdout
        said = demo.stdout.read()
        assert demo.wait(PATIENCE) == 130
    assert "interrupted; everything is stopped" in said
    assert not processes_with(f"STATE_DIR={tmp_path}")
    assert not list(tmp_path.iterdir())


def processes_with(setting: str) -> list[str]:
    """The command lines of the processes that have such a setting, whatever follows it."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if any(f"{name}={value}".startswith(setting) for name, value in environment.items()):
            found.append(" ".join(process.cmdline()))
    return found


def test_make_alone_tells_what_it_can_do() -> None:
    done = run("make")
    assert done.code == 0
    assert [line.split()[1] for line in done.out.splitlines()][:4] == ["help", "demo", "demo-choreography", "run"]


def test_a_python_that_is_too_old_is_told(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ntest "$1" = --version && echo Python 3.10.1 || exit 1\n')
    old.chmod(0o755)
    done = run("make", "generate", f"PYTHON={old}", f"VENV={tmp_path}/venv")
    assert done.code == 2
    assert f"error: Python 3.11 or newer is needed, {old} is: Python 3.10.1" in done.err
