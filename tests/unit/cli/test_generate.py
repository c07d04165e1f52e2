"""What ``orchestrator generate`` writes."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.cli.loading.protoc import generate

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]


def stubs_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.suffix in {".py", ".pyi"}
    }


def test_the_committed_stubs_are_those_of_the_contracts(
    orchestrator: Callable[..., Any], protos: Path, tmp_path: Path
) -> None:
    answer = orchestrator("generate", "--protos", str(protos), "--out", "stubs")

    count = len(list(protos.rglob("*.proto")))
    assert answer.code == 0, answer.err
    assert answer.out == f"stubs: the stubs of {count} .proto files are up to date\n"
    assert stubs_in(tmp_path / "stubs") == stubs_in(ROOT / "generated")


def test_a_second_run_touches_no_stubs_and_a_removed_contract_removes_its_stubs(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for name in ("ferry", "train"):
        (contracts / f"{name}.proto").write_text(f'syntax = "proto3"; package {name}; message Seat {{}}')
    orchestrator("generate", "--protos", "contracts", "--out", "stubs")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "stubs").glob("ferry*")}

    (contracts / "train.proto").unlink()
    orchestrator("generate", "--protos", "contracts", "--out", "stubs")

    left = {path: path.stat().st_mtime_ns for path in (tmp_path / "stubs").iterdir()}
    assert left == written


def test_stubs_in_a_new_folder_are_imported_by_the_process_that_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = tmp_path / "contracts/zeppelin/v1/zeppelin.proto"
    contract.parent.mkdir(parents=True)
    contract.write_text('syntax = "proto3"; package zeppelin.v1; message Seat {}')
    generate(tmp_path / "contracts", tmp_path / "stubs")

    # syspath_prepend would clear the cache of the search.
    monkeypatch.setattr(sys, "path", [str(tmp_path / "stubs"), *sys.path])
    importlib.import_module("zeppelin.v1.zeppelin_pb2")


def test_stubs_that_come_from_elsewhere_are_left_alone(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    contract = tmp_path / "contracts/ferry/v1/ferry.proto"
    contract.parent.mkdir(parents=True)
    contract.write_text('syntax = "proto3"; package ferry.v1; message Seat {}')
    installed = tmp_path / ".venv/lib/site-packages/google/type/money_pb2.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    stale = tmp_path / "ferry/v1/train_pb2.pyi"
    stale.parent.mkdir(parents=True)
    stale.touch()

    orchestrator("generate", "--protos", "contracts", "--out", ".")

    assert installed.exists()
    assert not stale.exists()


def write(tmp_path: Path, name: str, text: str = 'syntax = "proto3"; message Seat {}') -> None:
    file = tmp_path / "contracts" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("email/v1/email.proto", "the package email, which Python's own module hides; rename the folder email"),
        ("calendar/v1/calendar.proto", "the package calendar, which Python's own module hides"),
        ("time/v1/time.proto", "the package time, which Python's own module hides"),
        ("orchestrator/v1/bank.proto", "the package orchestrator, which the one at "),
        ("grpc/v1/bank.proto", "the package grpc, which the one at "),
        ("google/protobuf/v1/bank.proto", "the package google.protobuf, which the one at "),
        ("mine/v1/bank.proto", "the package mine, which the one at "),
        ("class/v1/bank.proto", "Python cannot import class.v1.bank_pb2, because 'class' is a word of the language"),
        ("bank/import/bank.proto", "because 'import' is a word of the language"),
        ("bank/1st/bank.proto", "because '1st' is no name"),
        ("2fa.proto", "because '2fa_pb2' is no name"),
        ("bank/b a/bank.proto", "because 'b a' is no name"),
    ],
)
@pytest.mark.parametrize("out", ["stubs", "."])
def test_stubs_that_python_could_not_import_are_refused_before_any_is_written(
    orchestrator: Callable[..., Any], tmp_path: Path, name: str, told: str, out: str
) -> None:
    write(tmp_path, name)
    write(tmp_path, "ferry/v1/ferry.proto")
    if name.startswith("mine"):
        out = "stubs"
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/__init__.py").touch()

    answer = orchestrator("generate", "--protos", "contracts", "--out", out)

    assert answer.code == 1
    assert answer.err.startswith(f"error: nothing is written, because of:\n{name}: ")
    assert told in answer.err
    assert "; rename" in answer.err
    assert not list(tmp_path.rglob("*_pb2*"))


@pytest.mark.parametrize(
    "name",
    [
        *("bank/v1/bank.proto", "bank.proto", "class.proto", "bank/v1/my-bank.proto", "saga/booking/v1/booking.proto"),
        *("shop/payment/v2/payment.proto", "mine/v1/bank.proto", "match/v1/type.proto"),
    ],
)
def test_names_that_python_can_import_are_accepted(orchestrator: Callable[..., Any], tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/__init__.py").touch()

    answer = orchestrator("generate", "--protos", "contracts", "--out", ".")

    assert answer.code == 0, answer.err
    assert len(list(tmp_path.rglob("*_pb2.py"))) == 1


SHOP = """
syntax = "proto3";
package shop.payment.v1;
import "saga/v1/contract.proto";
service PaymentService {
  rpc Charge(Order) returns (Order) { option (saga.v1.command) = {effect: EFFECT_PIVOT}; }
}
message Order { string order_id = 1; }
"""
SAGA = """
from dataclasses import dataclass
from orchestrator import saga
from shop.payment.v1.payment_pb2 import Order
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub

@dataclass(frozen=True)
class Shop:
    payment: PaymentServiceStub

@saga("pay", version=1)
async def pay(order: Order, shop: Shop) -> Order:
    return await shop.payment.Charge(order)
"""


def test_a_folder_whose_name_is_not_ascii_is_generated_and_checked(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    contract = tmp_path / "protos" / "café" / "v1" / "menu.proto"
    contract.parent.mkdir(parents=True)
    contract.write_text('syntax = "proto3";\npackage cafe.v1;\nmessage Menu {}\n')

    assert orchestrator("generate", "--protos", "protos", "--out", "stubs").code == 0
    assert (tmp_path / "stubs" / "café" / "v1" / "menu_pb2.py").exists()
    assert orchestrator("check", "--protos", "protos", "--sagas", "orchestrator.shop").code == 0


def test_a_users_own_shop_contracts_do_not_collide_with_the_examples(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    write(tmp_path, "shop/payment/v1/payment.proto", SHOP)
    (tmp_path / "mine.py").write_text(SAGA)
    assert orchestrator("generate", "--protos", "contracts", "--out", ".").code == 0

    # In a process of its own: in that of this test the example's contracts are loaded.
    python = Path(sys.executable)
    checked = subprocess.run(
        [python.with_name("orchestrator"), "check", "--protos", "contracts", "--sagas", "mine"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    served = (
        "import sys; sys.path[0] = '.'; import mine, orchestrator.bootstrap; print(mine.Order.DESCRIPTOR.file.name)"
    )
    loaded = subprocess.run([python, "-c", served], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert checked.stdout == "1 contract, 1 command, 1 saga: no violations\n", checked.stderr
    assert loaded.stdout == "shop/payment/v1/payment.proto\n", loaded.stderr


def test_two_files_with_one_module_are_refused(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path, "bank/my-bank.proto")
    write(tmp_path, "bank/my_bank.proto", 'syntax = "proto3"; message Other {}')

    answer = orchestrator("generate", "--protos", "contracts")

    assert answer.code == 1
    assert "bank/my_bank.proto: its stubs would be the module bank.my_bank_pb2, as those of bank/my-bank.proto" in (
        answer.err
    )


def test_an_rpc_named_by_a_word_of_python_is_refused(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    rpcs = "service S { rpc import(M) returns (M); rpc Export(M) returns (M); }"
    write(tmp_path, "bank/bank.proto", f'syntax = "proto3"; package bank; {rpcs} message M {{}}')

    answer = orchestrator("generate", "--protos", "contracts", "--out", "stubs")

    assert answer.code == 1
    (told,) = answer.err.splitlines()[1:]
    assert told.startswith("bank/bank.proto: Python cannot write the rpc bank.S.import, because 'import' is a word of")
    assert not (tmp_path / "stubs").exists()


def test_a_copy_of_our_contract_is_refused_only_where_the_copy_differs(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    ours = (ROOT / "protos/saga/v1/contract.proto").read_text()
    write(tmp_path, "saga/v1/contract.proto", ours)
    same = orchestrator("generate", "--protos", "contracts", "--out", "stubs")
    write(tmp_path, "saga/v1/contract.proto", ours.replace("option ruby_package", "// option ruby_package"))
    other = orchestrator("generate", "--protos", "contracts", "--out", "stubs")

    assert same.code == 0, same.err
    assert other.code == 1
    assert "saga/v1/contract.proto: it is not the saga/v1/contract.proto that this orchestrator knows; remove it" in (
        other.err
    )


def test_a_message_that_the_orchestrator_declares_itself_is_refused(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    write(tmp_path, "mine/saga.proto", 'syntax = "proto3"; package saga.v1; message Saga {} message Mine {}')

    answer = orchestrator("generate", "--protos", "contracts")

    assert answer.code == 1
    (told,) = answer.err.splitlines()[1:]
    assert told.startswith(
        "mine/saga.proto: saga.v1.Saga is declared in saga/v1/saga.proto, too, which the orchestrator"
    )
    assert told.endswith("; give it another package")


def test_a_folder_that_does_not_exist_is_one_line_and_code_2(orchestrator: Callable[..., Any]) -> None:
    answer = orchestrator("generate", "--protos", "nowhere")

    assert answer.code == 2
    assert answer.err == "error: --protos nowhere: there is no such folder\n"
