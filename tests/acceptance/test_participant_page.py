"""The page of the guard: its examples are files that run, pass every check, and do what the page says of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from orchestrator.cli.loading.protoc import describe
from orchestrator.shop.demo.addresses import settings_removed
from orchestrator.testing.conformance import CheckVerdict, Examples, check_participant
from saga.v1.saga_pb2 import STATUS_COMPENSATED, STATUS_COMPLETED, STATUS_SUSPENDED, Saga
from saga.v1.saga_service_pb2 import StartSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from tests.acceptance.conftest import BIN, PATIENCE
from tests.acceptance.pages import PAGES
from tests.conformance.participants.bridge import Bridge
from tests.support.blocking import reply_of, stub_over
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = PAGES["orchestrator/participant/README.md"]
HERE = Path(__file__).parent
HOTEL, ADAPTER = HERE / "guarded_hotel", HERE / "adapter"
HOTEL_SERVICE = "hotel.v1.HotelService"
CHARGE = b"\x0a\x04card\x10\x47"  # {card: "card", cents: 71}


def copied(source: Path, folder: Path) -> Path:
    """A project in a folder elsewhere, with its stubs."""
    project = folder / source.name
    shutil.copytree(source, project, ignore=shutil.ignore_patterns("__pycache__"))
    generate = [str(BIN / "orchestrator"), "generate", "--protos", "protos", "--out", "."]
    subprocess.run(generate, cwd=project, check=True, capture_output=True)
    return project


@contextmanager
def running(project: Path, *command: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A program of a project that has said where it listens; killed at the end."""
    environment = settings_removed(os.environ) | {"PYTHONPATH": "."}
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            while line and "listening on " not in line:
                line = process.stdout.readline()
            assert line, f"{command} ended before it listened"
            yield line.split()[-1], process
        finally:
            process.kill()


def test_the_page_shows_the_code_of_files_that_are_tested() -> None:
    known = [path.read_text() for folder in (HOTEL, ADAPTER) for path in folder.rglob("*.p*") if path.is_file()]
    shown = [block for block in PAGE.blocks("python", "proto") if "from adapter import" not in block.code]
    assert len(shown) == 10
    for block in shown:
        assert any(block.code in text for text in known), str(block)
    assert ADAPTER.joinpath("adapter.py").read_text() in {block.code for block in shown}


def test_the_adapter_is_short() -> None:
    assert len(ADAPTER.joinpath("adapter.py").read_text().splitlines()) < 60


@pytest.fixture(scope="module")
def hotel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(HOTEL, tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize("name", ["aio_hotel.py", "threads_hotel.py"])
def test_a_guarded_hotel_over_grpc_passes_every_check(hotel: Path, name: str) -> None:
    with running(hotel, name, "127.0.0.1:0") as (address, _):
        conform = ["conform", HOTEL_SERVICE, "--address", address, "--protos", "protos", "--examples", "hotel.json"]
        done = subprocess.run(
            [str(BIN / "orchestrator"), *conform, "--json"], cwd=hotel, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = {(each["rpc"], each["check"]): each["verdict"] for each in json.loads(done.stdout)["findings"]}
    assert set(verdicts.values()) == {"passed", "not applicable"}
    assert verdicts["BookRoom", "echoes"] == "passed"


async def test_a_guarded_hotel_over_asgi_passes_every_check(hotel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hotel)
    monkeypatch.syspath_prepend(str(hotel))
    import asgi_hotel  # noqa: PLC0415 - it is where the page's reader has it

    await asgi_hotel.create_tables()
    pool = descriptor_pool.DescriptorPool()
    for file in describe(hotel / "protos").file:
        pool.AddSerializedFile(file.SerializeToString())
    service = pool.FindServiceByName(HOTEL_SERVICE)
    routes = {
        "BookRoom": ("POST", "/rooms"),
        "CancelRoom": ("POST", "/rooms/cancel"),
        "GetBooking": ("GET", "/rooms/{trip_id}"),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([Bridge(service, routes, asgi_hotel.app, lambda _: None)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        examples = Examples.parse(service, json.loads((hotel / "hotel.json").read_text()))
        report = await check_participant(channel, service, examples)
    await server.stop(0)
    await asgi_hotel.engine.dispose()
    assert {each.verdict for each in report.findings} == {CheckVerdict.PASSED, CheckVerdict.NOT_APPLICABLE}, str(report)


class Cards:
    """The foreign service, which charges each time it is asked.

    Attributes:
        charges: how often it has charged.
        asked: set when it has charged.
        answers: whether it answers the next call.
        refuses: whether it refuses all cards.
        loses: whether its answers are lost.
    """

    def __init__(self) -> None:
        self.charges = 0
        self.asked = threading.Event()
        self.answers = threading.Event()
        self.answers.set()
        self.refuses = False
        self.loses = False
        self._server = grpc.server(ThreadPoolExecutor(4))
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._charge)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("cards.v1.CardService", {"Charge": handler}),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def _charge(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        if self.refuses:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such card")
        self.charges += 1
        self.asked.set()
        self.answers.wait(PATIENCE)
        if self.loses:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")
        return b"\x0a\x02T%d" % self.charges

    def close(self) -> None:
        self.answers.set()
        self._server.stop(0).wait()


@pytest.fixture
def cards() -> Iterator[Cards]:
    cards = Cards()
    yield cards
    cards.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(ADAPTER, tmp_path_factory.mktemp("page"))


@pytest.fixture
def adapter(built: Path) -> Iterator[Path]:
    """The adapter's project, without its database."""
    yield built
    for file in built.glob("adapter.db*"):
        file.unlink()


def call(address: str, name: str, request: bytes, key: str, **said: str) -> tuple[str, str, bytes]:
    """The code's name, the reason, and the reply."""
    with grpc.insecure_channel(address) as channel:
        method: Any = channel.unary_unary(f"/charging.v1.ChargingService/{name}")
        try:
            reply: bytes = method(request, metadata=[("idempotency-key", key), *said.items()], timeout=PATIENCE)
        except grpc.RpcError as error:
            untyped: Any = error
            status, info = rpc_status.from_call(untyped), error_details_pb2.ErrorInfo()
            for detail in status.details if status is not None else ():
                detail.Unpack(info)
            return untyped.code().name, info.reason, b""
    return "OK", "", reply


def refunds(project: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(project / "adapter.db") as connection:
        rows = connection.execute("SELECT transaction_id, cents FROM refunds").fetchall()
    connection.close()
    return rows


IN_DOUBT = ("UNKNOWN", "COMMAND_IN_DOUBT", b"")
REFUND = b"\x0a\x02T1\x10\x47"


def test_a_charge_is_made_once_and_its_answer_is_repeated(adapter: Path, cards: Cards) -> None:
    with running(adapter, "adapter.py", "127.0.0.1:0", cards.address) as (address, _):
        assert [call(address, "Charge", CHARGE, "key") for _ in range(2)] == [("OK", "", b"\x0a\x02T1")] * 2
        assert call(address, "GetCharge", b"", "key", verifies="key") == ("OK", "", b"")
    assert cards.charges == 1


def test_a_charge_whose_adapter_died_is_never_made_again_and_is_in_doubt_until_a_person_settles_it(
    adapter: Path, cards: Cards
) -> None:
    cards.answers.clear()
    started = running(adapter, "adapter.py", "127.0.0.1:0", cards.address)
    with started as (address, process), ThreadPoolExecutor(1) as pool:
        lost = pool.submit(call, address, "Charge", CHARGE, "the key")
        assert cards.asked.wait(PATIENCE)
        process.send_signal(signal.SIGKILL)
        assert lost.result()[0] == "UNAVAILABLE"
    cards.answers.set()
    with running(adapter, "adapter.py", "127.0.0.1:0", cards.address) as (address, _):
        assert call(address, "Charge", CHARGE, "the key") == IN_DOUBT
        assert call(address, "GetCharge", b"", "the key", verifies="the key") == IN_DOUBT
        assert call(address, "Refund", REFUND, "undo", compensates="the key") == IN_DOUBT
        [settle] = [block.code for block in PAGE.blocks("python") if "from adapter import" in block.code]
        done = subprocess.run([sys.executable, "-c", settle], cwd=adapter, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert call(address, "Charge", CHARGE, "the key") == ("OK", "", b"\x0a\x02T1")
        assert call(address, "Refund", REFUND, "undo", compensates="the key")[0] == "OK"
    assert cards.charges == 1
    assert refunds(adapter) == [("T1", 71)]


def test_a_refund_is_written_once_and_only_for_a_charge_that_was_made(adapter: Path, cards: Cards) -> None:
    with running(adapter, "adapter.py", "127.0.0.1:0", cards.address) as (address, _):
        call(address, "Charge", CHARGE, "key")
        for _ in range(2):
            assert call(address, "Refund", REFUND, "undo", compensates="key") == ("OK", "", b"")
        assert call(address, "Refund", REFUND, "undo never", compensates="never") == ("OK", "", b"")
        assert call(address, "Charge", CHARGE, "never")[1] == "COMMAND_COMPENSATED"
    assert refunds(adapter) == [("T1", 71)]
    assert cards.charges == 1


def test_a_refusal_of_the_foreign_service_is_recorded(adapter: Path, cards: Cards) -> None:
    with running(adapter, "adapter.py", "127.0.0.1:0", cards.address) as (address, _):
        cards.refuses = True
        assert call(address, "Charge", CHARGE, "key")[0] == "INVALID_ARGUMENT"
        cards.refuses = False
        assert call(address, "Charge", CHARGE, "key")[0] == "INVALID_ARGUMENT"
        assert call(address, "Refund", REFUND, "undo", compensates="key") == ("OK", "", b"")
    assert cards.charges == 0
    assert refunds(adapter) == []


def started(address: str, request: bytes) -> Saga:
    """A saga that was waited for."""
    start = StartSagaRequest(definition="purchase")
    start.input.type_url, start.input.value = "type.googleapis.com/cards.v1.ChargeRequest", request
    start.wait.FromSeconds(20)
    with grpc.insecure_channel(address) as channel:
        return reply_of(stub_over(channel, SagaServiceStub).StartSaga(start, timeout=PATIENCE)).saga


def test_a_saga_over_the_adapter_charges_once_refunds_by_the_reply_and_stops_in_front_of_an_operator(
    adapter: Path, cards: Cards
) -> None:
    with running(adapter, "adapter.py", "127.0.0.1:0", cards.address) as (charging, _):
        keep_token(adapter / ".state")
        serve = ["-m", "orchestrator", "serve", "--sagas", "purchase_sagas", "--listen", "127.0.0.1:0"]
        with running(adapter, *serve, "--participant", f"charging.v1.ChargingService={charging}") as (address, _):
            assert started(address, CHARGE).status == STATUS_COMPLETED
            assert started(address, b"\x0a\x04card\x10\xbc\x37").status == STATUS_COMPENSATED
            assert refunds(adapter) == [("T2", 7100)]
            cards.loses = True
            suspended = started(address, CHARGE)
    assert suspended.status == STATUS_SUSPENDED
    assert cards.charges == 3
