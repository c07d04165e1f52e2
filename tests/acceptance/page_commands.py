"""Runs what the pages show, each page in the world that it speaks of: the running shop, or the project of trips."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio
from google.protobuf import json_format
from google.type.money_pb2 import Money

from orchestrator.channels.grpc.bearer import with_token
from orchestrator.shop.demo.addresses import Addresses
from saga.v1.saga_service_pb2 import CancelSagaRequest, PauseSagaRequest, WatchSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from shop.payment.v1.payment_pb2 import CapturePaymentRequest, GetPaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from tests.acceptance.conftest import BIN, PATIENCE, order
from tests.acceptance.pages import ROOT
from tests.acceptance.trips import environment
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Shop
    from tests.acceptance.pages import Block
    from tests.acceptance.trips import Agency

ORDER_ID: Final = "<order id>"

# What never ends by itself, and what it says once it does what it is for. `feed` says something when a saga changes.
_ENDLESS: Final = (
    (re.compile(r"orchestrator serve |orchestrator mock |python -m services\.\w+$"), re.compile(r"listening on (\S+)")),
    (re.compile(r"orchestrator feed$"), re.compile(r"place_order")),
)
_ASKED: Final = {"reason": "for a page"}
_EXAMPLE_PORTS: Final = re.compile(r"127\.0\.0\.1:5200\d")


@dataclass(frozen=True)
class World:
    """Where commands are run.

    Attributes:
        folder: the working directory.
        variables: the environment.
    """

    folder: Path
    variables: dict[str, str]

    def translated(self, command: str) -> str:
        """The command, with the addresses at which the processes of the test listen."""
        return command.replace(".venv/bin/", f"{BIN}/")

    def order(self, block: Block) -> str:
        """The id of an order to which the commands of a block may be done."""
        raise AssertionError(f"{block}: there are no orders here")

    def stir(self) -> None:
        """Let something happen that `feed` tells."""


@dataclass(frozen=True)
class ShopWorld(World):
    """The running shop, asked by the commands of `.venv`.

    Attributes:
        shop: the shop.
    """

    shop: Shop

    @classmethod
    def beside(cls, shop: Shop, folder: Path) -> ShopWorld:
        """With commands that know where the shop is."""
        (folder / "protos").symlink_to(ROOT / "protos")
        (folder / ".state").symlink_to(shop.state)
        where = {"ORCHESTRATOR_PARTICIPANTS": shop.addresses.environment["ORCHESTRATOR_PARTICIPANTS"]}
        variables = environment(folder) | where | {"ORCHESTRATOR_ADDRESS": shop.addresses.orchestrator}
        return cls(folder, variables, shop)

    def translated(self, command: str) -> str:
        """See the base."""
        command = super().translated(command)
        usual = Addresses.by_contract().listening
        for name, address in self.shop.addresses.listening.items():
            command = command.replace(usual[name], address)
        return command

    def stir(self) -> None:
        """See the base."""
        asyncio.run(self._place("tok_visa"))

    def order(self, block: Block) -> str:
        """See the base."""
        for beginning, situation in _SITUATIONS:
            if beginning in block.code:
                return situation(self)
        return asyncio.run(self._place("tok_visa", wait=PATIENCE))

    def paused(self, customer: str = "bob") -> str:
        """An order that is suspended while its payment is in doubt."""
        return asyncio.run(self._paused(customer))

    def captured_by_hand(self) -> str:
        """An order whose rollback is suspended, because its payment cannot be voided any more."""
        return asyncio.run(self._captured_by_hand())

    async def _paused(self, customer: str) -> str:
        """No process is started while the payment's first attempt lasts, however busy the machine is."""
        order_id = await self._place("tok_slow", customer=customer)
        while not await self._has_payment(order_id):
            pass  # the saga is on its way there, and each question takes a while
        async with self._channel() as channel:
            await SagaServiceStub(channel).PauseSaga(PauseSagaRequest(saga_id=order_id, **_ASKED), timeout=PATIENCE)
        return order_id

    async def _captured_by_hand(self) -> str:
        order_id = await self._paused("bob")
        async with self._channel("payment") as channel:
            capture = CapturePaymentRequest(order_id=order_id, amount=Money(currency_code="EUR", units=1))
            await PaymentServiceStub(channel).CapturePayment(capture, timeout=PATIENCE)
        async with self._channel() as channel:
            sagas = SagaServiceStub(channel)
            await sagas.CancelSaga(CancelSagaRequest(saga_id=order_id, **_ASKED), timeout=PATIENCE)
            async for answer in sagas.WatchSaga(WatchSagaRequest(saga_id=order_id), timeout=PATIENCE):
                if answer.saga.reason.code == "COMPENSATION_REJECTED":
                    return order_id
        raise AssertionError("its payment was voided")

    async def _place(self, card: str, *, wait: int = 0, customer: str = "bob") -> str:
        placed = order(cardToken=card, wait=f"{wait}s", customerId=customer)
        request = json_format.ParseDict(placed, StartOrderRequest())
        async with self._channel() as channel:
            return (await OrderServiceStub(channel).StartOrder(request, timeout=PATIENCE)).order.order_id

    async def _has_payment(self, order_id: str) -> bool:
        async with self._channel("payment") as channel:
            try:
                await PaymentServiceStub(channel).GetPayment(GetPaymentRequest(order_id=order_id), timeout=PATIENCE)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                return False
            return True

    def _channel(self, name: str = "orchestrator") -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self.shop.addresses.all[name], interceptors=with_token(TOKEN))


_SITUATIONS: Final = (
    ("--compensated", ShopWorld.captured_by_hand),
    ("orchestrator skip", ShopWorld.captured_by_hand),
    ("orchestrator resolve", ShopWorld.paused),
    ("orchestrator pause", ShopWorld.paused),
    ("orchestrator cancel", ShopWorld.paused),
)
"""What must have happened to an order before, by a part of the block."""


@dataclass(frozen=True)
class TripsWorld(World):
    """The project of trips, in its folder.

    Attributes:
        agency: its processes.
    """

    agency: Agency

    @classmethod
    def in_project(cls, agency: Agency, project: Path, tools: Path) -> TripsWorld:
        """With a `grpcurl` among the commands."""
        where = f"trip.v1.HotelService={agency.participants},trip.v1.FlightService={agency.participants}"
        return cls(project, environment(tools) | {"ORCHESTRATOR_PARTICIPANTS": where}, agency)

    def translated(self, command: str) -> str:
        """See the base."""
        if " mock " in command:
            return _EXAMPLE_PORTS.sub("127.0.0.1:0", command)
        command = command.replace("127.0.0.1:50100", self.agency.address)
        return _EXAMPLE_PORTS.sub(self.agency.participants, command)


def run(world: World, command: str) -> str:
    """Run a command to its end, or until it does what it is for; what it said on stdout."""
    command = world.translated(command)
    for endless, ready in _ENDLESS:
        if endless.search(command):
            with started(world, command, ready):
                return ""
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=world.folder,
        env=world.variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def started(world: World, command: str, ready: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """A process with a state of its own that does what it is for; interrupted at the end."""
    state = world.folder / "another_state"
    fresh = {"ORCHESTRATOR_LISTEN": "127.0.0.1:0", "STATE_DIR": str(state), "ORCHESTRATOR_TOKEN": TOKEN}
    listens = dict.fromkeys(("INVENTORY_LISTEN", "GIFT_LISTEN"), "127.0.0.1:0")
    with subprocess.Popen(
        ["sh", "-c", f"exec {command}"],
        cwd=world.folder,
        env={"PYTHONUNBUFFERED": "1"} | world.variables | fresh | listens,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield _said(world, process, command, ready)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()


def _said(world: World, process: subprocess.Popen[bytes], command: str, ready: re.Pattern[str]) -> re.Match[str]:
    """What it said that shows that it does what it is for."""
    assert process.stdout is not None
    said = b""
    for _ in range(PATIENCE):
        if select.select([process.stdout], [], [], 1)[0]:
            more = os.read(process.stdout.fileno(), 65536)
            said += more
            if found := ready.search(said.decode()):
                return found
            assert more, f"{command} has ended:\n{said.decode()}"
        else:
            world.stir()
    raise AssertionError(f"{command} said only:\n{said.decode()}")
