from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from google.protobuf import message_factory

from orchestrator.contract.reader import read_service
from orchestrator.testing.conformance.breaking import break_constraint
from orchestrator.testing.samples import Sampler, violations
from orchestrator.testing.samples.patterns import matching
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest, ReserveStockResponse
from shop.payment.v1.payment_pb2 import GetPaymentResponse
from shop.product.v1.product_pb2 import CreateOrderResponse, ListProductsResponse
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest, CreditPointsResponse
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import FileDescriptor

    from orchestrator.contract.command import Command

ROOT = Path(__file__).parents[3]


def shop_commands() -> list[Command]:
    names = sorted(path.parts[-3] for path in ROOT.glob("protos/shop/*/v1/*.proto"))
    files = [import_module(f"shop.{name}.v1.{name}_pb2").DESCRIPTOR for name in dict.fromkeys(names)]
    services = (service for file in files for service in file.services_by_name.values())
    return [command for service in services for command in read_service(service).values()]


@pytest.mark.parametrize("command", shop_commands(), ids=lambda command: command.short_name)
def test_every_request_of_the_shop_can_be_made_up_and_broken(command: Command) -> None:
    request = Sampler("a").message(command.request)

    assert violations(request) == ()
    broken = break_constraint(request)
    assert broken is None or broken[1] in violations(broken[0])[0][0]


CONSTRAINTS = """
  string email = 1 [(buf.validate.field).string.email = true];
  string uuid = 2 [(buf.validate.field).string.uuid = true];
  string exact = 3 [(buf.validate.field).string.const = "yes"];
  string listed = 4 [(buf.validate.field).string = {in: ["red", "green"]}];
  string long = 5 [(buf.validate.field).string = {min_len: 40, max_len: 50}];
  string short = 6 [(buf.validate.field).string.max_len = 2];
  string prefixed = 7 [(buf.validate.field).string = {prefix: "tok_", suffix: "_x", contains: "mid"}];
  string country = 8 [(buf.validate.field).string.pattern = "^[A-Z]{3}$"];
  string uri = 9 [(buf.validate.field).string.uri = true];
  int32 between = 10 [(buf.validate.field).int32 = {gt: 5, lt: 7}];
  uint64 large = 11 [(buf.validate.field).uint64.gte = 1000];
  sint32 negative = 12 [(buf.validate.field).sint32.lt = 0];
  double share = 13 [(buf.validate.field).double = {gt: 0, lt: 1}];
  Kind kind = 14 [(buf.validate.field).enum = {defined_only: true, not_in: [0, 1]}];
  repeated string tags = 15 [(buf.validate.field).repeated = {min_items: 3, unique: true}];
  repeated int32 few = 16 [(buf.validate.field).repeated = {max_items: 0}];
  map<string, int32> counts = 17 [(buf.validate.field).map = {min_pairs: 2, values: {int32: {gte: 10}}}];
  google.protobuf.Timestamp past = 18 [(buf.validate.field).timestamp.lt_now = true];
  google.protobuf.Timestamp ahead = 19 [(buf.validate.field).timestamp.gt_now = true];
  google.protobuf.Duration wait = 20 [(buf.validate.field).duration = {gte: {seconds: 5}, lt: {seconds: 9}}];
  google.type.Money fare = 21 [(buf.validate.field).required = true];
  bool agreed = 22 [(buf.validate.field).bool.const = true];
  bytes token = 23 [(buf.validate.field).bytes.len = 16];
  Trip trip = 24 [(buf.validate.field).required = true];
  optional string note = 25 [(buf.validate.field).string.min_len = 1];
  oneof way { option (buf.validate.oneof).required = true; string sea = 26; string land = 27; }
  string example = 28 [(buf.validate.field).string = {min_len: 3, example: ["abc"]}];
  string host = 29 [(buf.validate.field).string.host_and_port = true];
"""


LINES = [line.strip() for line in CONSTRAINTS.strip().splitlines()]


@pytest.fixture(scope="module")
def constrained(compile_file: Callable[[str], FileDescriptor]) -> FileDescriptor:
    """One message for each of the lines, compiled at once."""
    return compile_file(
        "\n".join(f"message Request{index} {{ {line} }}" for index, line in enumerate(LINES))
        + "message Trip { Trip next = 1; string name = 2 [(buf.validate.field).string.min_len = 1]; }"
        + "enum Kind { KIND_UNSPECIFIED = 0; KIND_CAR = 1; KIND_BIKE = 2; }"
    )


@pytest.mark.parametrize("index", range(len(LINES)), ids=LINES)
def test_a_constraint_is_respected(constrained: FileDescriptor, index: int) -> None:
    kind = message_factory.GetMessageClass(constrained.message_types_by_name[f"Request{index}"])

    assert violations(Sampler("a").message(kind)) == ()


def test_the_same_seed_makes_the_same_message() -> None:
    one, same, other = (Sampler(seed).message(GetPaymentResponse) for seed in "aab")

    assert one == same
    assert one != other


def test_ids_flow_from_the_request_into_the_reply_however_deep() -> None:
    request = CreditPointsRequest(order_id="order-7", customer_id="alice")

    reply = Sampler("a", [request]).message(CreditPointsResponse)

    assert reply.balance.customer_id == "alice"


def test_a_list_is_made_element_by_element_from_the_list_of_the_same_name() -> None:
    lines = [Line(sku="MUG", quantity=2), Line(sku="TEE", quantity=3)]

    reply = Sampler("a", [ReserveStockRequest(lines=lines)]).message(ReserveStockResponse)

    assert [(line.sku, line.quantity, line.bin) for line in reply.lines] == [("MUG", 2, "bin"), ("TEE", 3, "bin")]


def test_money_is_in_the_currency_of_the_request() -> None:
    request = CreditPointsRequest(total={"currency_code": "CHF", "units": 3})

    assert Sampler("a", [request]).message(CreateOrderResponse).list_total.currency_code == "CHF"


def test_a_list_has_one_page() -> None:
    assert Sampler("a").message(ListProductsResponse).next_page_token == ""


@pytest.mark.parametrize("kind", ["string", "int64", "uint32"])
def test_a_fresh_identity_is_practically_unique(compile_file: Callable[[str], FileDescriptor], kind: str) -> None:
    field = compile_file(f"message Request {{ {kind} order_id = 1; }}").message_types_by_name["Request"].fields[0]

    assert len({Sampler(str(seed)).fresh(field) for seed in range(100)}) == 100


@pytest.mark.parametrize(
    "rules", ["string.uuid = true", "string = {max_len: 8}", 'string.pattern = "^ord_[a-z0-9]{8,20}$"']
)
def test_a_fresh_identity_keeps_its_constraints(compile_file: Callable[[str], FileDescriptor], rules: str) -> None:
    file = compile_file(f"message Request {{ string order_id = 1 [(buf.validate.field).{rules}]; }}")
    request = file.message_types_by_name["Request"]
    kind = message_factory.GetMessageClass(request)
    ids = [Sampler(str(seed)).fresh(request.fields[0]) for seed in range(20)]

    assert len(set(ids)) == 20
    assert [violations(kind(order_id=each)) for each in ids] == [()] * 20


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{2}$",
        r"^\d{4}-\d\d$",
        "^(red|green)+$",
        "^[^a-z]x?$",
        "a.c",
        r"^\w+@\w+\.com$",
        "^[ä-ü]$",
        "(?:ab){2,}",
        r"^\S\D\W$",
        "^[^A]$",
    ],
)
def test_a_string_is_made_to_match(pattern: str) -> None:
    text = matching(pattern, Random(1))

    assert text is not None
    assert re.search(pattern, text)


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "^a(?=b)"])
def test_a_pattern_that_cannot_be_matched_gives_no_string(pattern: str) -> None:
    assert matching(pattern, Random(1)) is None
