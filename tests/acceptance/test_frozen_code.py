"""Code of a saga that never yields stops that saga, and nothing else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from orchestrator.shop.demo.addresses import settings_removed
from orchestrator.shop.demo.orders import ORDERS
from orchestrator.store.frozen_note import FrozenFile
from saga.v1.saga_pb2 import STATUS_COMPLETED, STATUS_RUNNING, STATUS_SUSPENDED, Saga
from saga.v1.saga_service_pb2 import GetSagaRequest, ResumeSagaRequest, StartSagaRequest, WatchSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from tests.acceptance.conftest import PATIENCE
from tests.support.blocking import replies_of, reply_of, stub_over
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOES_ON = {STATUS_RUNNING, STATUS_COMPLETED}  # no participant takes its command, which is best effort
SAGAS = """
import asyncio
import re
from dataclasses import dataclass
from orchestrator import best_effort, saga, saga_id
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub

@dataclass(frozen=True)
class Shop:
    rewards: RewardsServiceStub

HANGS = False

async def credit(shop: Shop) -> None:
    await best_effort(shop.rewards.CreditPoints(CreditPointsRequest(order_id=saga_id(), customer_id="alice")))

@saga("sound", version=1)
async def sound(order: StartOrderRequest, shop: Shop) -> Receipt:
    await credit(shop)
    return Receipt()

@saga("stuck", version=1)
async def stuck(order: StartOrderRequest, shop: Shop) -> Receipt:
    page = 0
    while order.customer_id:
        page += 1  # HERE
    await credit(shop)
    return Receipt()

@saga("stuck_in_a_branch", version=1)
async def stuck_in_a_branch(order: StartOrderRequest, shop: Shop) -> Receipt:
    async def branch() -> None:
        page = 0
        while order.customer_id:
            page += 1  # HERE
    async with asyncio.TaskGroup() as group:
        group.create_task(branch())
        group.create_task(credit(shop))
    return Receipt()

@saga("stuck_in_except", version=1)
async def stuck_in_except(order: StartOrderRequest, shop: Shop) -> Receipt:
    page = 0
    while order.customer_id:
        try:
            page += 1  # HERE
        except Exception:
            page = 0
    await credit(shop)
    return Receipt()

@saga("stuck_in_a_pattern", version=1)
async def stuck_in_a_pattern(order: StartOrderRequest, shop: Shop) -> Receipt:
    re.match("(a+)+$", "a" * 64 + order.customer_id)  # HERE: it never releases the interpreter's lock
    await credit(shop)
    return Receipt()

@saga("stuck_for_good", version=1)
async def stuck_for_good(order: StartOrderRequest, shop: Shop) -> Receipt:
    page = 0
    while HANGS:
        try:
            while HANGS:
                page += 1  # HERE
        except BaseException:
            page = 0
    await credit(shop)
    return Receipt()
"""


@dataclass
class Running:
    """An orchestrator that serves sagas, and what it says."""

    process: subprocess.Popen[str]
    channel: grpc.Channel | None = None
    said: list[str] = field(default_factory=list)

    @property
    def sagas(self) -> SagaServiceStub:
        assert self.channel
        return stub_over(self.channel, SagaServiceStub)

    def start(self, definition: str, wait: float = PATIENCE) -> Saga:
        packed = AnyMessage()
        packed.Pack(ORDERS[0].request)
        request = StartSagaRequest(definition=definition, input=packed)
        return reply_of(self.sagas.StartSaga(request, timeout=wait)).saga

    def saga(self, saga_id: str) -> Saga:
        return reply_of(self.sagas.GetSaga(GetSagaRequest(saga_id=saga_id), timeout=PATIENCE)).saga

    def suspended(self, saga_id: str) -> Saga:
        """A saga once it is suspended: recovery, which does that, may still be under way."""
        changes = replies_of(self.sagas.WatchSaga(WatchSagaRequest(saga_id=saga_id), timeout=PATIENCE))
        return next(change.saga for change in changes if change.saga.status == STATUS_SUSPENDED)

    def until(self, words: str) -> str:
        """What it says, up to a line with these words."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError("".join(self.said))

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "freezing_sagas.py").write_text(textwrap.dedent(SAGAS))
    keep_token(tmp_path / "state")
    return tmp_path


def place(definition: str) -> re.Pattern[str]:
    """Where a saga hangs: on a line, or one of those beside it, of its loop."""
    before, _, after = SAGAS.partition(f'@saga("{definition}"')
    line = before.count("\n") + after[: after.index("# HERE")].count("\n") + 1
    return re.compile(rf"freezing_sagas\.py:({'|'.join(map(str, range(line - 2, line + 3)))}) in {definition}")


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "orchestrator", "serve", "--sagas", "freezing_sagas", "--listen", "127.0.0.1:0"]
    environment = settings_removed(os.environ) | {
        "STATE_DIR": str(folder / "state"),
        "ORCHESTRATOR_STALL_SECONDS": "1",
        "ORCHESTRATOR_DRAIN_SECONDS": "2",
    }
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def served(folder: Path) -> Iterator[Running]:
    with started(folder) as process:
        running = Running(process)
        found = re.search(r"listening on (\S+)", running.until("listening on "))
        assert found
        with grpc.insecure_channel(found[1], options=[("grpc.enable_http_proxy", 0)]) as channel:
            running.channel = channel
            yield running


@pytest.mark.parametrize("definition", ["stuck", "stuck_in_a_branch", "stuck_in_except", "stuck_in_a_pattern"])
def test_a_saga_whose_code_never_yields_is_suspended_and_named_and_others_go_on(definition: str, folder: Path) -> None:
    with served(folder) as running:
        frozen = running.saga(running.start(definition).saga_id)
        assert frozen.status == STATUS_SUSPENDED
        assert frozen.reason.code == "CODE_FAILED"
        assert place(definition).search(frozen.reason.message)
        assert "await a command in every loop" in frozen.reason.message
        told = running.until("CRITICAL")
        assert frozen.saga_id in told
        assert place(definition).search(told)
        assert running.start("sound").status in GOES_ON
        assert running.end() == 0
        assert process_said(running).count("CRITICAL") == 0


def test_a_saga_that_cannot_be_interrupted_is_suspended_at_the_next_start_and_its_process_ends_when_told(
    folder: Path,
) -> None:
    definition = "stuck_for_good"
    with served(folder) as running:
        saga_id, sound = running.start(definition).saga_id, running.start("sound").saga_id
        assert running.end() == 0

    edit(folder, "HANGS = False", "HANGS = True")
    with started(folder) as process:
        hanging = Running(process)
        told = hanging.until("its code cannot be interrupted")
        assert saga_id in told
        assert hanging.end() == 1
        (ended,) = [line for line in process_said(hanging).splitlines() if "the watchdog ends the process" in line]
        assert place(definition).search(ended)

    with served(folder) as running:
        assert running.saga(sound).status in GOES_ON
        frozen = running.suspended(saga_id)
        assert frozen.reason.code == "CODE_FAILED"
        assert place(definition).search(frozen.reason.message)
        assert running.end() == 0

    edit(folder, "HANGS = True", "HANGS = False")
    with served(folder) as running:
        running.sagas.ResumeSaga(ResumeSagaRequest(saga_id=saga_id, reason="mended"), timeout=PATIENCE)
        assert running.saga(saga_id).status in GOES_ON


def test_code_that_yields_after_all_is_not_suspended_at_the_next_start(tmp_path: Path) -> None:
    note = FrozenFile(tmp_path / "journal.db")
    note.write("saga-1", "somewhere")
    note.write("saga-2", "elsewhere")
    assert note.read() == {"saga-1": "somewhere", "saga-2": "elsewhere"}
    note.clear(["saga-1", "saga-3"])
    assert note.read() == {"saga-2": "elsewhere"}
    note.clear(["saga-2"])
    assert note.read() == {}
    assert not list(tmp_path.iterdir())


def edit(folder: Path, old: str, new: str) -> None:
    module = folder / "freezing_sagas.py"
    module.write_text(module.read_text().replace(old, new))


def process_said(running: Running) -> str:
    assert running.process.stderr
    return running.process.stderr.read()
