"""What ``orchestrator check`` tells, and with which exit code it ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAGA = """
from dataclasses import dataclass

from orchestrator import saga
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub


@dataclass(frozen=True)
class Shop:
    rewards: RewardsServiceStub


@saga("give_points", version=1)
async def give_points(order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.rewards.CreditPoints(CreditPointsRequest())
    return Receipt()
"""


def edit(protos: Path, name: str, old: str, new: str) -> None:
    file = protos / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_our_own_contracts_and_sagas_have_no_violations(orchestrator: Callable[..., Any], protos: Path) -> None:
    answer = orchestrator("check", "--protos", str(protos))

    assert answer.code == 0, answer.out
    assert answer.out.strip().endswith("4 sagas: no violations")


def test_a_compensation_missing_in_a_proto_file_is_reported_before_stubs_are_made(
    orchestrator: Callable[..., Any], protos: Path
) -> None:
    edit(protos, "shop/inventory/v1/inventory.proto", 'compensation: "ReleaseStock"', "")

    answer = orchestrator("check")

    first = answer.out.splitlines()[0]
    assert answer.code == 1
    assert first.startswith(
        "shop/inventory/v1/inventory.proto: InventoryService.ReserveStock: [compensable-names-compensation]"
    )


def test_stubs_that_differ_from_the_proto_file_are_reported(orchestrator: Callable[..., Any], protos: Path) -> None:
    edit(protos, "shop/type/v1/type.proto", "lte: 1000", "lte: 2000")

    answer = orchestrator("check")

    assert answer.code == 1
    assert "shop/type/v1/type.proto: shop.type.v1.type_pb2: [stubs-are-fresh]" in answer.out
    assert "make generate" in answer.out
    assert answer.out.strip().endswith(": 1 violation")


def test_comments_do_not_make_stubs_stale(orchestrator: Callable[..., Any], protos: Path) -> None:
    edit(protos, "shop/type/v1/type.proto", "// Where a parcel goes.", "// Where it goes.")

    assert orchestrator("check").code == 0


def test_a_saga_that_breaks_a_rule_is_reported_with_file_line_and_rpc(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "giving_points.py").write_text(SAGA)

    answer = orchestrator("check", "--sagas", "giving_points")

    line = SAGA.splitlines().index("    await shop.rewards.CreditPoints(CreditPointsRequest())") + 1
    assert answer.code == 1
    assert answer.out.startswith(f"giving_points.py:{line}: RewardsService.CreditPoints: [retryable-follows-pivot]")
    assert answer.out.strip().endswith("1 contract, 2 commands, 1 saga: 1 violation")


def test_the_plan_is_shown_when_asked_for(orchestrator: Callable[..., Any]) -> None:
    answer = orchestrator("check", "--plan")

    assert answer.code == 0, answer.out
    assert "place_order v1\n├─ reserve()\n│  ├─ ProductService.CreateOrder  compensable, by CancelOrder\n" in answer.out
    assert "│  └─ PaymentService.CapturePayment  pivot\n" in answer.out
    assert "wait for approval(timeout=APPROVAL_TIME)  a saga.v1.Decision\n" in answer.out


def test_a_folder_that_does_not_exist_is_one_line_and_code_2(orchestrator: Callable[..., Any]) -> None:
    answer = orchestrator("check", "--protos", "nowhere")

    assert answer.code == 2
    assert answer.err == "error: --protos nowhere: there is no such folder\n"


def test_a_module_that_does_not_exist_is_one_line_and_code_2(orchestrator: Callable[..., Any]) -> None:
    answer = orchestrator("check", "--sagas", "no.such.module")

    assert answer.code == 2
    assert answer.err == "error: there is no module 'no.such.module'\n"


def test_a_module_without_sagas_is_one_line_and_code_2(orchestrator: Callable[..., Any]) -> None:
    answer = orchestrator("check", "--sagas", "json")

    assert answer.code == 2
    assert answer.err.startswith("error: module json holds no saga")


def test_a_module_that_cannot_be_imported_is_one_line_and_code_1(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "broken_saga.py").write_text("import no_such_dependency\n")
    (tmp_path / "failing_saga.py").write_text("1 / 0\n")

    missing, failing = (orchestrator("check", "--sagas", name) for name in ("broken_saga", "failing_saga"))

    assert missing.code == failing.code == 1
    assert missing.err == "error: module broken_saga cannot be imported: No module named 'no_such_dependency'\n"
    assert failing.err == "error: module failing_saga cannot be imported: ZeroDivisionError: division by zero\n"


def test_a_saga_that_is_declared_wrongly_is_one_line_and_code_1(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "misdeclared_saga.py").write_text(SAGA.replace("version=1", "version=0"))

    answer = orchestrator("check", "--sagas", "misdeclared_saga")

    assert answer.code == 1
    assert answer.err == "error: saga 'give_points': versions count from 1, not 0\n"


def test_a_contract_that_does_not_compile_is_reported_with_the_message_of_protoc(
    orchestrator: Callable[..., Any], protos: Path
) -> None:
    edit(protos, "shop/type/v1/type.proto", "message Address {", "message Address")

    answer = orchestrator("check")

    assert answer.code == 1
    assert answer.err.startswith("error: protoc refused the contracts under protos:\n")
    assert 'protos/shop/type/v1/type.proto:22:3: Expected "{"' in answer.err


def test_a_folder_without_contracts_is_an_error(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    answer = orchestrator("check", "--protos", "empty")

    assert answer.code == 1
    assert answer.err == "error: empty: no .proto files here; name the folder that holds them\n"


NEW_RPC = "  rpc LoseOrder(GetOrderRequest) returns (GetOrderResponse);\n"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("shop/order/v1/order_service.proto", "  // Shows an order:", NEW_RPC + "  // Shows an order:"),
        (
            "saga/v1/saga_service.proto",
            "  // Answers with one saga",
            "  rpc Lose(GetSagaRequest) returns (GetSagaResponse);\n  // Answers with one saga",
        ),
        (
            "saga/v1/saga_service.proto",
            "// The saga to start, and its input.",
            "service Losing {\n  rpc Lose(GetSagaRequest) returns (GetSagaResponse);\n}\n\n// The saga to start.",
        ),
    ],
    ids=["of an application", "of ours", "in a new service of ours"],
)
def test_a_new_rpc_of_an_api_without_a_role_is_reported(
    orchestrator: Callable[..., Any], protos: Path, file: str, old: str, new: str
) -> None:
    edit(protos, file, old, new)

    answer = orchestrator("check")

    assert answer.code == 1
    assert f"{file}: " in answer.out
    assert "[states-access]" in answer.out
    assert "`option (saga.v1.access).role = ROLE_VIEWER;`" in answer.out.replace("\n", " ")


def test_the_api_of_an_application_that_states_no_role_at_all_is_reported(
    orchestrator: Callable[..., Any], protos: Path
) -> None:
    file = protos / "shop/order/v1/order_service.proto"
    file.write_text(re.sub(r"    option \(saga\.v1\.access\)\.role = \w+;\n", "", file.read_text()))

    answer = orchestrator("check")

    assert answer.code == 1
    assert answer.out.count("[states-access]") == file.read_text().count("\n  rpc ") > 0, answer.out
