"""Runs what the pages show, each page in the world that it speaks of: the running shop, or the project of trips."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from tests.acceptance.conftest import BIN, PATIENCE, buf_curl, order
from tests.acceptance.pages import ROOT
from tests.acceptance.trips import environment
from tests.demo.addresses import Addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Shop
    from tests.acceptance.pages import Block
    from tests.acceptance.trips import Agency

ORDER_ID: Final = "<order id>"
AUTHORIZE: Final = "PaymentService.AuthorizePayment"

# What never ends by itself, and what it says once it does what it is for. `feed` says something when a saga changes.
_ENDLESS: Final = (
    (re.compile(r"orchestrator serve |orchestrator mock |python -m services\.\w+$"), re.compile(r"listening on (\S+)")),
    (re.compile(r"orchestrator feed$"), re.compile(r"place_order")),
)
_EXAMPLE_PORTS: Final = re.compile(r"127\.0\.0\.1:5200\d")


class World(Protocol):
    """Where commands are run."""

    folder: Path
    variables: dict[str, str]

    def translated(self, command: str) -> str:
        """The command, with the addresses at which the processes of the test listen."""

    def order(self, block: Block) -> str:
        """The id of an order to which the commands of a block may be done."""

    def stir(self) -> None:
        """Let something happen that `feed` tells."""


@dataclass(frozen=True)
class ShopWorld:
    """The running shop, asked by the commands of `.venv`.

    Attributes:
        shop: the shop.
        folder: an empty folder with the contracts of the repository.
        variables: the environment of the commands.
    """

    shop: Shop
    folder: Path
    variables: dict[str, str]

    @classmethod
    def beside(cls, shop: Shop, folder: Path) -> ShopWorld:
        """With commands that know where the shop is."""
        (folder / "protos").symlink_to(ROOT / "protos")
        variables = environment(folder) | {"ORCHESTRATOR_ADDRESS": shop.addresses.orchestrator}
        return cls(shop, folder, variables)

    def translated(self, command: str) -> str:
        """See the protocol."""
        command = command.replace(".venv/bin/", f"{BIN}/")
        usual = Addresses.by_contract().all
        for name, address in self.shop.addresses.all.items():
            command = command.replace(usual[name], address)
        return command

    def stir(self) -> None:
        """See the protocol."""
        self._place("tok_visa")

    def order(self, block: Block) -> str:
        """See the protocol."""
        for beginning, situation in self._situations:
            if beginning in block.code:
                return situation()
        return self._place("tok_visa", wait="20s")

    @property
    def _situations(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        """What must have happened to an order before it, by a part of the block."""
        return (
            ("--compensated", self._captured_by_hand),
            ("orchestrator skip", self._captured_by_hand),
            ("orchestrator resolve", self._paused),
            ("orchestrator pause", self._slow),
            ("orchestrator cancel", self._slow),
        )

    def _slow(self) -> str:
        return self._place("tok_slow")

    def _paused(self) -> str:
        order_id = self._slow()
        assert self.shop.orchestrator("pause", order_id).code == 0
        return order_id

    def _captured_by_hand(self) -> str:
        """Suspended, because the payment cannot be voided any more."""
        order_id = self._paused()
        capture = {"orderId": order_id, "amount": {"currencyCode": "EUR", "units": 1}}
        payment = f"http://{self.shop.addresses.services['payment']}/shop.payment.v1.PaymentService/CapturePayment"
        assert buf_curl(payment, "-d", json.dumps(capture)).code == 0
        assert self.shop.orchestrator("resume", order_id).code == 0
        self.shop.orchestrator("cancel", order_id)
        self.shop.orchestrator("watch", order_id)
        return order_id

    def _place(self, card: str, *, wait: str = "0s") -> str:
        placed = self.shop.call("shop.order.v1.OrderService/StartOrder", order(cardToken=card, wait=wait))
        order_id: str = json.loads(placed.out)["order"]["orderId"]
        return order_id

    def paused_of(self, customer: str) -> None:
        """Let a customer have a suspended order."""
        placed = self.shop.call(
            "shop.order.v1.OrderService/StartOrder", order(cardToken="tok_slow", wait="0s", customerId=customer)
        )
        assert self.shop.orchestrator("pause", json.loads(placed.out)["order"]["orderId"]).code == 0


@dataclass(frozen=True)
class TripsWorld:
    """The project of trips, in its folder.

    Attributes:
        agency: its processes.
        folder: its folder.
        variables: the environment of the commands.
    """

    agency: Agency
    folder: Path
    variables: dict[str, str]

    @classmethod
    def in_project(cls, agency: Agency, project: Path, tools: Path) -> TripsWorld:
        """With a `grpcurl` among the commands."""
        where = f"trip.v1.HotelService={agency.participants},trip.v1.FlightService={agency.participants}"
        return cls(agency, project, environment(tools) | {"ORCHESTRATOR_PARTICIPANTS": where})

    def translated(self, command: str) -> str:
        """See the protocol."""
        if " mock " in command:
            return _EXAMPLE_PORTS.sub("127.0.0.1:0", command)
        command = command.replace("127.0.0.1:50100", self.agency.address)
        return _EXAMPLE_PORTS.sub(self.agency.participants, command)

    def order(self, block: Block) -> str:
        """See the protocol."""
        raise AssertionError(f"{block}: there are no orders here")

    def stir(self) -> None:
        """See the protocol."""


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
    fresh = {"ORCHESTRATOR_LISTEN": "127.0.0.1:0", "STATE_DIR": str(state)}
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
