"""A checkout over services of another team: an overlay says what their contracts do not, an adapter adds the refund."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from google.protobuf import json_format, message_factory

from orchestrator.shop.demo.addresses import settings_removed
from saga.v1 import saga_pb2
from saga.v1.saga_service_pb2 import StartSagaRequest, WatchSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from tests.acceptance.foreign import SERVICES
from tests.acceptance.foreign import SOURCE as FOREIGN
from tests.acceptance.pages import PAGES
from tests.support import contracts
from tests.support.blocking import replies_of, reply_of, stub_over
from tests.support.languages import PATIENCE, done, environment, running
from tests.support.repository import BIN
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.foreign import Foreign
    from tests.acceptance.pages import Block

pytestmark = pytest.mark.timeout(600)

SOURCE: Final = Path(__file__).parent / "foreign_checkout"
NUMBER: Final = "4432-8015-6152-0454"
CARD: Final = {"number": NUMBER, "cvv": 672, "expiration_year": 2039, "expiration_month": 1}
EXPIRED: Final = CARD | {"expiration_year": 2020}
PAGE: Final = PAGES["orchestrator/contract/overlay/README.md"]
CHARGED: Final = "PaymentService.Charge#1"


class Checkout:
    """The checkout, running: its adapter, and an orchestrator that can be killed and started again."""

    def __init__(self, folder: Path, foreign: Foreign, stack: ExitStack) -> None:
        self.folder = folder
        self.foreign = foreign
        self._pool = contracts.pool(folder / "protos")
        refunds = stack.enter_context(running(folder, ".", f"{BIN / 'python'} refund_adapter.py 127.0.0.1:0"))
        self._participants = foreign.addresses | {"refunds.v1.RefundService": refunds.address}
        self._log = (folder / "orchestrator.log").open("a+")
        stack.callback(self._log.close)
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""
        keep_token(folder / ".state")
        self.start()
        stack.callback(self.kill)

    def start(self) -> None:
        """Start the orchestrator, and wait until it listens."""
        begin = self._log.seek(0, 2)
        options = [f"--participant={name}={address}" for name, address in self._participants.items()]
        options += ["--listen=127.0.0.1:0", "--journal=sqlite:journal.db"]
        self._process = subprocess.Popen(
            [str(BIN / "orchestrator"), "serve", "--sagas=checkout_sagas", "--overlay=overlay.yaml", *options],
            cwd=self.folder,
            env=settings_removed(environment(self.folder)),
            stdout=self._log,
            stderr=self._log,
        )
        while (ready := re.search(r"listening on (\S+)", self.log(begin))) is None:
            assert self._process.poll() is None, self.log(begin)
        self.address = ready[1]

    def kill(self) -> None:
        """Kill the orchestrator, at whatever it is."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)

    def log(self, begin: int = 0) -> str:
        """What the orchestrators have logged."""
        self._log.seek(begin)
        return self._log.read()

    def order(self, user: str, *cards: dict[str, object], wait: int = 30) -> saga_pb2.Saga:
        """Order two mugs, and wait so many seconds for the end."""
        self.foreign.call("CartService/AddItem", user_id=user, item={"product_id": "MUG", "quantity": 2})
        kind = message_factory.GetMessageClass(self._pool.FindMessageTypeByName("checkout.v1.PlaceOrderRequest"))
        address = {"street_address": "Main Street 1", "city": user, "country": "DE"}
        request = StartSagaRequest(definition="checkout")
        request.wait.FromSeconds(wait)
        order = {"user_id": user, "currency": "EUR", "ship_to": address, "email": f"{user}@x.example", "cards": cards}
        request.input.Pack(json_format.ParseDict(order, kind()))
        with grpc.insecure_channel(self.address) as channel:
            return reply_of(stub_over(channel, SagaServiceStub).StartSaga(request, timeout=PATIENCE)).saga

    def until(self, saga_id: str, status: saga_pb2.Status.ValueType) -> saga_pb2.Saga:
        """The saga, once it has come to a status."""
        request = WatchSagaRequest(saga_id=saga_id)
        with grpc.insecure_channel(self.address) as channel:
            changes = replies_of(stub_over(channel, SagaServiceStub).WatchSaga(request, timeout=PATIENCE))
            return next(change.saga for change in changes if change.saga.status == status)

    def says(self, *command: str) -> str:
        """What the command line says, which must succeed."""
        ended = subprocess.run(
            [BIN / "orchestrator", *command, *(["--address", self.address] if command[0] not in _OFFLINE else [])],
            cwd=self.folder,
            env=settings_removed(environment(self.folder)),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def refunded(self) -> list[tuple[Any, ...]]:
        """What the accountants are to pay back."""
        with sqlite3.connect(self.folder / "refunds.db") as connection:
            return connection.execute("SELECT transaction_id, currency, units, why FROM refunds").fetchall()


_SERVED: Final = [
    "refunds.v1.RefundService",
    *(f"boutique.{service}" for services in SERVICES.values() for service in services),
]
_OFFLINE: Final = frozenset({"check", "conform", "faults", "generate", "mock", "verify"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the checkout, elsewhere, with the contract of the other team and with stubs."""
    folder = tmp_path_factory.mktemp("elsewhere") / "checkout"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(FOREIGN / "protos" / "boutique.proto", folder / "protos")
    subprocess.run([BIN / "orchestrator", "generate", "--protos", "protos", "--out", "."], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def checkout(folder: Path, foreign: Foreign, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    project = Path(shutil.copytree(folder, tmp_path_factory.mktemp("running") / "checkout"))
    with ExitStack() as stack:
        yield Checkout(project, foreign, stack)


def test_the_adapter_has_less_than_sixty_lines() -> None:
    assert len((SOURCE / "refund_adapter.py").read_text().splitlines()) < 60


@pytest.mark.parametrize("block", [*PAGE.blocks("yaml", "python")], ids=str)
def test_the_page_shows_what_the_files_say(block: Block) -> None:
    assert block.code in (SOURCE / block.file).read_text()


@pytest.mark.parametrize("block", [*PAGE.blocks("sh")], ids=str)
def test_the_commands_of_the_page_do_what_they_are_for(block: Block, folder: Path) -> None:
    for command in block.commands:
        if " serve " in command:
            options = re.findall(r"--participant (\S+)=", command)
            assert {*options} == {*_SERVED}, "the orchestrator of these tests is served with other addresses"
        else:
            done(folder, ".", command)


def test_the_overlay_is_checked_with_the_saga(checkout: Checkout) -> None:
    said = checkout.says("check", "--protos=protos", "--overlay=overlay.yaml", "--sagas=checkout_sagas", "--plan")

    assert "PaymentService.Charge  compensable, by Refund" in said
    assert said.endswith("7 contracts, 9 commands, 1 saga: no violations\n")


def test_no_fault_of_a_foreign_service_ends_the_saga_wrongly(checkout: Checkout) -> None:
    said = checkout.says("faults", "--overlay=overlay.yaml", "--sagas=checkout_sagas")

    assert " passed, 0 failed, " in said


def test_the_adapter_keeps_what_sagas_rely_on(checkout: Checkout) -> None:
    address = checkout._participants["refunds.v1.RefundService"]
    said = checkout.says("conform", "refunds.v1.RefundService", "--protos=protos", f"--address={address}")

    assert said.splitlines()[-1] == "6 passed, 0 failed, 0 not seen, 0 not echoed, 12 not applicable"


def test_a_conformance_check_sends_the_compensation_to_the_other_service(checkout: Checkout) -> None:
    amount = {"currency_code": "EUR", "units": 3}
    known = {"Charge": {"request": {"amount": amount, "credit_card": CARD}}}
    (checkout.folder / "examples.json").write_text(json.dumps(known))
    addresses = checkout._participants
    before = len(checkout.refunded())
    options = [f"--address={addresses['boutique.PaymentService']}", "--examples=examples.json"]
    options.append(f"--participant=refunds.v1.RefundService={addresses['refunds.v1.RefundService']}")
    said = checkout.says("conform", "boutique.PaymentService", "--protos=protos", "--overlay=overlay.yaml", *options)

    assert " 0 failed, " in said
    assert len(checkout.refunded()) > before


def test_the_draft_of_an_overlay_can_be_read_from_the_live_services(checkout: Checkout) -> None:
    goods = checkout.foreign.addresses["boutique.CartService"]
    done(checkout.folder, ".", f"orchestrator annotate --reflect={goods} --out=live.yaml")

    draft = (checkout.folder / "live.yaml").read_text()
    assert "- method: boutique.CartService.GetCart\n  effect: QUERY\n" in draft
    assert "- field: boutique.CreditCard.number\n  sensitive: true\n" in draft
    assert checkout.says("check", f"--reflect={goods}", "--overlay=live.yaml")


def test_an_order_is_charged_shipped_and_confirmed(checkout: Checkout) -> None:
    saga = checkout.order("alice", CARD)

    assert saga.status == saga_pb2.STATUS_COMPLETED
    effects = checkout.foreign.ledger()
    [parcel] = [entry for entry in effects if entry.get("city") == "alice"]
    [mail] = checkout.foreign.ledger("mailed", email="alice@x.example")
    assert (parcel["items"], mail["order_id"]) == ({"MUG": 2}, saga.saga_id)
    assert checkout.foreign.ledger("emptied", user="alice")
    assert [dict(each.attributes) for each in (saga,)] == [{"user_id": "alice"}]


def test_a_refused_card_is_a_rejection_by_a_rule_and_the_other_card_is_refunded(checkout: Checkout) -> None:
    before = checkout.foreign.ledger("charged")
    saga = checkout.order("bob", CARD, EXPIRED)

    assert saga.status == saga_pb2.STATUS_COMPENSATED
    assert "Your credit card (ending 0454) expired on 1/2020" in saga.reason.message
    [charged] = checkout.foreign.ledger("charged")[len(before) :]
    assert (charged["transaction_id"], "EUR", charged["units"], "the order was rolled back") in checkout.refunded()
    assert not [entry for entry in checkout.foreign.ledger("shipped") if entry["city"] == "bob"]


def test_the_number_of_a_card_is_shown_nowhere(checkout: Checkout) -> None:
    saga = checkout.order("carol", CARD)

    shown = [checkout.says(command, saga.saga_id) for command in ("show", "journal")]
    shown += [checkout.log(), saga.SerializeToString().decode(errors="ignore")]
    assert all(NUMBER not in each and "Main Street" not in each for each in shown)
    assert "[redacted]" in shown[1]


def test_a_charge_whose_answer_is_lost_goes_before_an_operator_and_is_never_repeated(checkout: Checkout) -> None:
    before = len(checkout.foreign.ledger("charged"))
    checkout.foreign.kill("payment")
    checkout.foreign.start("payment", PAYMENT_STALLS="1")
    saga_id = checkout.order("dave", CARD, wait=0).saga_id
    checkout.foreign.wait_for("charged", count=before + 1)
    checkout.foreign.kill("payment")
    checkout.until(saga_id, saga_pb2.STATUS_SUSPENDED)
    checkout.foreign.start("payment")
    checkout.kill()
    checkout.start()

    suspended = checkout.until(saga_id, saga_pb2.STATUS_SUSPENDED)
    assert (suspended.reason.step_key, suspended.reason.code) == (CHARGED, "UNKNOWN")
    [charged] = checkout.foreign.ledger("charged")[before:]

    reply = json.dumps({"transactionId": charged["transaction_id"]})
    who = ["--evidence=the books of the bank"]
    checkout.says("resolve", saga_id, CHARGED, "--took-effect", f"--reply-json={reply}", *who)
    checkout.says("resume", saga_id)
    checkout.until(saga_id, saga_pb2.STATUS_COMPLETED)
    assert len(checkout.foreign.ledger("charged")) == before + 1
    assert [entry["items"] for entry in checkout.foreign.ledger("shipped") if entry["city"] == "dave"] == [{"MUG": 2}]


def test_an_orchestrator_that_is_killed_during_a_charge_does_not_charge_again(checkout: Checkout) -> None:
    before = len(checkout.foreign.ledger("charged"))
    checkout.foreign.kill("payment")
    checkout.foreign.start("payment", PAYMENT_STALLS="1")
    saga_id = checkout.order("erin", CARD, wait=0).saga_id
    checkout.foreign.wait_for("charged", count=before + 1)
    checkout.kill()
    checkout.foreign.kill("payment")
    checkout.foreign.start("payment")
    checkout.start()

    suspended = checkout.until(saga_id, saga_pb2.STATUS_SUSPENDED)
    assert suspended.reason.step_key == CHARGED
    assert len(checkout.foreign.ledger("charged")) == before + 1
