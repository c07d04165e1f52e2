"""A field that a contract marks ``debug_redact`` is masked, at every place of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import any_pb2, message_factory, text_format

from orchestrator.contract.redaction import MASK, redacted
from orchestrator.contract.rules.messages import check_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

TEXT = """
import "google/protobuf/any.proto";
service FerryService {}
message Secret {
  string pin = 1 [debug_redact = true];
  string door = 2;
  repeated string codes = 3 [debug_redact = true];
  bytes key = 4 [debug_redact = true];
  map<string, string> answers = 5 [debug_redact = true];
  int32 number = 6 [debug_redact = true];
}
message Cabin {
  Secret one = 1;
  repeated Secret several = 2;
  map<string, Secret> by_name = 3;
  oneof lock { Secret chosen = 4; string spoken = 5 [debug_redact = true]; }
  google.protobuf.Any packed = 6;
  repeated google.protobuf.Any crates = 7;
  map<int32, google.protobuf.Any> lockers = 8;
  Cabin next = 9;
}
message Plain { string door = 2; }
"""
PIN = "4711"


@pytest.fixture
def new(compile_service: Callable[..., ServiceDescriptor]) -> Callable[..., Any]:
    pool = compile_service(TEXT).file.pool
    return lambda name, **fields: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"ferry.v1.{name}"))(
        **fields
    )


def packed(message: Message) -> any_pb2.Any:
    holder = any_pb2.Any()
    holder.Pack(message)
    return holder


def as_any(holder: any_pb2.Any) -> dict[str, Any]:
    return {"type_url": holder.type_url, "value": holder.value}


def full_secret(new: Callable[..., Message]) -> Message:
    return new(
        "Secret", pin=PIN, door="left", codes=[PIN, PIN], key=PIN.encode(), answers={"a": PIN, PIN: "b"}, number=4711
    )


def places(new: Callable[..., Any]) -> dict[str, Any]:
    secret = full_secret(new)
    in_any = as_any(packed(secret))
    return {
        "in a message": new("Cabin", one=secret),
        "in a list": new("Cabin", several=[secret, secret]),
        "in a map": new("Cabin", by_name={"a": secret}),
        "in a oneof": new("Cabin", chosen=secret),
        "as a oneof": new("Cabin", spoken=PIN),
        "in an Any": new("Cabin", packed=in_any),
        "in a list of Anys": new("Cabin", crates=[in_any]),
        "in a map of Anys": new("Cabin", lockers={1: in_any}),
        "deep": new("Cabin", next={"next": {"one": secret}}),
        "in an Any in an Any": new("Cabin", packed=as_any(packed(new("Cabin", packed=in_any)))),
    }


PLACES = (
    *("in a message", "in a list", "in a map", "in a oneof", "as a oneof", "in an Any", "in a list of Anys"),
    *("in a map of Anys", "deep", "in an Any in an Any"),
)


@pytest.mark.parametrize("place", PLACES)
def test_a_marked_field_is_masked_at_every_place(place: str, new: Callable[..., Any]) -> None:
    message = places(new)[place]
    before = message.SerializeToString(deterministic=True)

    shown = redacted(message)

    assert PIN.encode() in before
    assert PIN.encode() not in shown.SerializeToString()
    assert MASK.encode() in shown.SerializeToString()
    assert place == "as a oneof" or b"left" in shown.SerializeToString(), "what is not marked stays"
    assert message.SerializeToString(deterministic=True) == before, "it is a copy"


def test_each_of_several_marked_texts_is_masked_and_other_marked_fields_are_cleared(new: Callable[..., Any]) -> None:
    assert redacted(full_secret(new)) == new("Secret", pin=MASK, door="left", codes=[MASK, MASK])


@pytest.mark.parametrize(
    "hidden",
    [
        any_pb2.Any(type_url="type.googleapis.com/other.v1.Thing", value=PIN.encode()),
        any_pb2.Any(type_url="type.googleapis.com/ferry.v1.Secret", value=b"\xff\xff" + PIN.encode()),
        any_pb2.Any(type_url="", value=PIN.encode()),
        any_pb2.Any(type_url="nonsense", value=PIN.encode()),
    ],
)
def test_an_unreadable_any_keeps_its_type_and_its_size(hidden: any_pb2.Any, new: Callable[..., Any]) -> None:
    for shown in (redacted(hidden), redacted(new("Cabin", packed=as_any(hidden))).packed):
        assert (shown.type_url, shown.value) == (hidden.type_url, bytes(len(hidden.value)))


def test_endlessly_nested_anys_are_no_error(new: Callable[..., Any]) -> None:
    nested = packed(new("Secret", pin=PIN))
    for _ in range(1_000):
        nested = packed(nested)

    assert PIN.encode() not in redacted(nested).SerializeToString()


def test_fields_that_this_contract_does_not_know_are_not_shown(new: Callable[..., Any]) -> None:
    plain = new("Plain")
    plain.ParseFromString(full_secret(new).SerializeToString())

    assert PIN.encode() in plain.SerializeToString()
    assert PIN.encode() not in redacted(plain).SerializeToString()
    assert PIN not in text_format.MessageToString(redacted(plain))


@pytest.mark.parametrize(
    ("field", "sensitive"),
    [
        ("string pin = 1 [debug_redact = true, (saga.v1.field).attribute = true];", True),
        ("Secret secret = 1 [(saga.v1.field).attribute = true];", True),
        ("string pin = 1 [(saga.v1.field).attribute = true];", False),
        ("string pin = 1 [debug_redact = true];", False),
    ],
)
def test_an_attribute_that_must_not_be_shown_is_a_violation(
    field: str, sensitive: bool, compile_service: Callable[..., ServiceDescriptor]
) -> None:
    file: FileDescriptor = compile_service(f"{TEXT} message Outer {{ message Order {{ {field} }} }}").file

    found = [f"{each.rpc} {each.rule}" for each in check_messages(file)]

    name = field.split()[1]
    assert found == ([f"ferry.v1.Outer.Order.{name} attribute-is-not-sensitive"] if sensitive else [])
