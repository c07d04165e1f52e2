from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.reader import read_service
from orchestrator.errors import ContractError
from orchestrator.testing.conformance import Examples
from orchestrator.testing.conformance.command_under_test import CommandUnderTest
from shop.inventory.v1.inventory_pb2 import DESCRIPTOR, GetStockRequest, ReserveStockRequest

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = DESCRIPTOR.services_by_name["InventoryService"]


def subject(document: dict[str, Any]) -> CommandUnderTest:
    commands = read_service(INVENTORY)
    return CommandUnderTest(commands["ReserveStock"], commands, Examples.parse(INVENTORY, document))


@pytest.mark.parametrize(
    "request_", [{"orderId": "mine", "lines": [{"sku": "MUG", "quantity": 2}]}, "lines {sku: 'MUG' quantity: 2}"]
)
def test_an_example_replaces_made_up_fields_but_not_the_identity(request_: object) -> None:
    reserve = subject({"ReserveStock": {"request": request_}})

    one, other = (reserve.request(identity) for identity in ("a", "b"))
    assert isinstance(one, ReserveStockRequest)
    assert isinstance(other, ReserveStockRequest)
    assert [(line.sku, line.quantity) for line in one.lines] == [("MUG", 2)]
    assert len({one.order_id, other.order_id, "mine", ""}) == 4


def test_the_rejected_fields_replace_those_of_the_example() -> None:
    reserve = subject(
        {
            "ReserveStock": {
                "request": {"lines": [{"sku": "MUG", "quantity": 2}]},
                "rejected": {"orderId": "theirs", "lines": [{"sku": "NONE", "quantity": 1}]},
            }
        }
    )

    rejected, valid = reserve.rejected_request("a"), reserve.request("a")
    assert isinstance(rejected, ReserveStockRequest)
    assert isinstance(valid, ReserveStockRequest)
    assert [line.sku for line in rejected.lines] == ["NONE"]
    assert rejected.order_id == valid.order_id


def test_a_query_that_cannot_be_derived_can_be_named() -> None:
    assert set(subject({}).observers) == set()

    query, question = subject({"ReserveStock": {"observe": {"GetStock": {"sku": "MUG"}}}}).observers["GetStock"]
    assert query.method == "GetStock"
    assert question(subject({}).request("a"), None) == GetStockRequest(sku="MUG")


def test_a_query_can_be_asked_about_each_line() -> None:
    skus = [{"sku": "MUG"}, {"sku": "POT"}]
    observers = subject({"ReserveStock": {"observe": {"GetStock": skus}}}).observers

    request = subject({}).request("a")
    asked = {name: question(request, None) for name, (_, question) in observers.items()}
    assert asked == {"GetStock": GetStockRequest(sku="MUG"), "GetStock#2": GetStockRequest(sku="POT")}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"ReserveStok": {}}, "InventoryService has no rpc ReserveStok; did you mean ReserveStock?"),
        ({"Xyz": {}}, "InventoryService has no rpc Xyz; it has ReserveStock, ReleaseStock, GetStock"),
        ({"ReserveStock": {"requests": {}}}, "ReserveStock: unknown requests; an example has request, rejected"),
        ({"ReserveStock": "lines"}, "ReserveStock: no object; an example has"),
        ({"ReserveStock": {"request": 7}}, "ReserveStock: a request is an object, or a string in text format"),
        ({"ReserveStock": {"request": {"line": []}}}, 'ReserveStock: .*no field named "line"'),
        ({"ReserveStock": {"request": "line {}"}}, "ReserveStock: .*no field named"),
        ({"ReserveStock": {"given": ["Open"]}}, "InventoryService has no rpc Open"),
        ({"ReserveStock": {"observe": {"GetStock": {"sku": 7}}}}, "GetStock: "),
    ],
)
def test_an_example_that_does_not_fit_the_contract_is_an_error(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Examples.parse(INVENTORY, document)


@pytest.mark.parametrize("text", ["{", "[]", '{"Xyz": {}}'])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "examples.json").write_text(text)
    with pytest.raises(ContractError, match=r"examples\.json: "):
        Examples.read(INVENTORY, tmp_path / "examples.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"none\.json: "):
        Examples.read(INVENTORY, tmp_path / "none.json")
