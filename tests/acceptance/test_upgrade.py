"""The upgrade of `orchestrator/analysis/README.md`, followed to the letter in a copy, with real processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest

from orchestrator.shop.demo.addresses import settings_removed
from orchestrator.shop.demo.orders import ORDERS
from orchestrator.shop.demo.procfile import ROOT
from saga.v1.saga_pb2 import STATUS_COMPENSATED, STATUS_RUNNING, Saga
from saga.v1.saga_service_pb2 import CancelSagaRequest, GetSagaRequest, WatchSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.acceptance.conftest import PATIENCE, Done
from tests.support.blocking import replies_of, reply_of, stub_over
from tests.support.place_order_source import V1, only_first_version
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = sys.executable
V2 = '@saga("place_order", version=2)\nasync def place_order_2('


class Project:
    """A copy of the project, in which only the participant that a saga calls first is there."""

    def __init__(self, folder: Path, product: str) -> None:
        self.folder = folder
        self.sagas = folder / "orchestrator" / "shop"
        self._product = f"shop.product.v1.ProductService={product}"

    @property
    def environment(self) -> dict[str, str]:
        return settings_removed(os.environ) | {
            "PYTHONPATH": f"{self.folder}{os.pathsep}{self.folder / 'generated'}",
            "STATE_DIR": str(self.folder / "state"),
            "ORCHESTRATOR_SAGAS": "orchestrator.shop",
        }

    def place_second_version_beside_the_first(self) -> None:
        module = self.sagas / "place_order.py"
        code = module.read_text()
        first = code[code.index(V1) :]
        module.write_text(code + "\n\n" + first.replace(V1, V2))

    def place_second_version_in_a_file_of_its_own(self) -> None:
        code = (self.sagas / "place_order.py").read_text()
        (self.sagas / "place_order_next.py").write_text(code.replace(V1, V2))

    def remove_first_version(self) -> None:
        module = self.sagas / "place_order.py"
        code = module.read_text()
        first, second = code.index(V1), code.find(V2)
        if second < 0:
            module.unlink()
        else:
            module.write_text(code[:first] + code[second:])

    def verify(self) -> Done:
        done = subprocess.run(
            [PYTHON, "-m", "orchestrator", "verify"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def served(self) -> Iterator[grpc.Channel]:
        """The orchestrator of this project, until it has drained."""
        command = [PYTHON, "-m", "orchestrator", "serve", "--listen", "127.0.0.1:0", "--participant", self._product]
        with (
            started(command, self.folder, self.environment) as address,
            grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel,
        ):
            yield channel


@contextmanager
def started(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """A process, by the address on which it listens, until it has drained.

    An orchestrator is waited for until it has recovered what was there: until then no act on that is taken.
    """
    ready = "recovered" if "serve" in command else "listening on"
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=pipe, text=True) as process:
        try:
            assert process.stderr
            said, address, is_ready = [], "", False
            for line in process.stderr:
                said.append(line)
                is_ready = is_ready or ready in line
                if found := re.search(r"(?<!console )listening on (\S+)", line):
                    address = found[1]
                if address and is_ready:
                    yield address
                    break
            else:
                pytest.fail("".join(said))
            process.send_signal(signal.SIGTERM)
            process.stderr.read()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = settings_removed(os.environ) | {
        "STATE_DIR": str(tmp_path_factory.mktemp("product")),
        "PRODUCT_LISTEN": "127.0.0.1:0",
    }
    with started([PYTHON, "-m", "services.product"], ROOT, environment) as address:
        yield address


@pytest.fixture
def project(tmp_path: Path, product: str) -> Project:
    for name in ("orchestrator", "generated"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "orchestrator" / "shop" / "place_order.py").write_text(only_first_version())
    keep_token(tmp_path / "state")
    return Project(tmp_path, product)


def place(channel: grpc.Channel) -> str:
    call = stub_over(channel, OrderServiceStub).StartOrder(ORDERS[0].request, timeout=PATIENCE)
    return reply_of(call).order.order_id


def saga(channel: grpc.Channel, order_id: str) -> Saga:
    call = stub_over(channel, SagaServiceStub).GetSaga(GetSagaRequest(saga_id=order_id), timeout=PATIENCE)
    return reply_of(call).saga


def cancel(channel: grpc.Channel, order_id: str) -> Saga:
    """The saga after its rollback."""
    stub = stub_over(channel, SagaServiceStub)
    stub.CancelSaga(CancelSagaRequest(saga_id=order_id, reason="too old"), timeout=PATIENCE)
    *_, last = replies_of(stub.WatchSaga(WatchSagaRequest(saga_id=order_id), timeout=PATIENCE))
    return last.saga


@pytest.mark.parametrize(
    "place_second_version",
    [Project.place_second_version_beside_the_first, Project.place_second_version_in_a_file_of_its_own],
)
def test_a_second_version_is_deployed_beside_the_first_and_replaces_it(
    project: Project, place_second_version: object
) -> None:
    with project.served() as channel:
        old = place(channel)
        assert saga(channel, old).version == 1

    assert callable(place_second_version)
    place_second_version(project)
    assert project.verify().code == 0
    with project.served() as channel:
        new = place(channel)
        assert saga(channel, new).version == 2
        assert (saga(channel, old).version, saga(channel, old).status) == (1, STATUS_RUNNING)

    project.remove_first_version()
    missed = project.verify()
    assert missed.code == 1
    assert f"{old} (place_order v1, running)" in missed.out
    project.sagas.joinpath("place_order_1.py").write_text(only_first_version())
    with project.served() as channel:
        assert cancel(channel, old).status == STATUS_COMPENSATED

    project.sagas.joinpath("place_order_1.py").unlink()
    assert project.verify().code == 0
    with project.served() as channel:
        assert saga(channel, place(channel)).version == 2
        assert saga(channel, new).status == STATUS_RUNNING
