"""Schemas of messages: what JSON Schema says of a field is what the JSON mapping of protobuf writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import json_format, message_factory
from jsonschema import Draft202012Validator

from orchestrator.api.openapi.comments import comments_in
from orchestrator.api.openapi.document import _short_names
from orchestrator.api.openapi.schemas import Schemas
from orchestrator.cli.loading.protoc import describe
from orchestrator.contract.image import load_image

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.descriptor import Descriptor

PROTO: Final = """
syntax = "proto3";
package ferry.v1;
import "buf/validate/validate.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

// Where a car
// stands.
//
// Or a lorry.
enum Deck {
  DECK_UNSPECIFIED = 0;
  // Below.
  DECK_LOWER = 1;
}

// A crossing.
message Crossing {
  // Who crosses.
  string name = 1 [(buf.validate.field).string = {min_len: 1, max_len: 5}];
  int64 number = 2;
  int32 cars = 3 [(buf.validate.field).int32 = {gte: 1, lt: 10}];
  bytes ticket = 4;
  Deck deck = 5 [(buf.validate.field).enum = {not_in: [0]}];
  repeated string stops = 6 [(buf.validate.field).repeated = {
    max_items: 3
    unique: true
    items: {string: {pattern: "^[a-z]+$"}}
  }];
  map<string, Crossing> others = 7 [(buf.validate.field).map = {max_pairs: 2, keys: {string: {min_len: 2}}}];
  google.protobuf.Timestamp at = 8 [(buf.validate.field).required = true];
  google.protobuf.Duration lasts = 9;
  google.protobuf.Struct more = 10;
  google.protobuf.Any anything = 11;
  google.protobuf.Int64Value left = 12;
  oneof by { string sea = 13; bool air = 14; }
  Crossing next = 15;
  string card = 16 [debug_redact = true];
  double price = 17;
  google.protobuf.Value free = 18;
  string id = 19 [(buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE, (buf.validate.field).string.uuid = true];
  string code = 20 [(buf.validate.field).string.pattern = "^[A-Z]+$"];
}
"""


@pytest.fixture
def crossing(tmp_path: Path) -> Descriptor:
    (tmp_path / "ferry.proto").write_text(PROTO)
    (file,) = load_image(describe(tmp_path), {"ferry.proto"})
    return file.message_types_by_name["Crossing"]


@pytest.fixture
def schema(crossing: Descriptor) -> dict[str, Any]:
    schemas = Schemas()
    reference = schemas.message(crossing)
    assert reference == {"$ref": "#/components/schemas/ferry.v1.Crossing"}
    return {"$ref": "#/components/schemas/ferry.v1.Crossing", "components": {"schemas": schemas.components}}


def test_what_is_written_is_as_it_is_described(crossing: Descriptor, schema: dict[str, Any]) -> None:
    at = "2026-01-01T00:00:00Z"
    inner: dict[str, Any] = {"name": "x", "deck": "DECK_LOWER", "code": "A", "at": at}
    fields = inner | {
        "number": "7",
        "cars": 3,
        "ticket": "AQI=",
        "stops": ["a", "b"],
        "others": {"ab": inner},
        "lasts": "1.500s",
        "more": {"a": [1.0, None]},
        "anything": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"},
        "left": "5",
        "sea": "north",
        "next": inner,
        "card": "4",
        "price": 1.5,
        "free": [1.0],
    }
    written = json_format.MessageToDict(json_format.ParseDict(fields, message_factory.GetMessageClass(crossing)()))
    assert written == fields
    assert list(Draft202012Validator(schema).iter_errors(written)) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "too long"),
        ("number", "x"),
        ("cars", 0),
        ("cars", 10),
        ("deck", "DECK_UPPER"),
        ("stops", ["a", "a"]),
        ("stops", ["A"]),
        ("others", {"a": {}}),
        ("lasts", "soon"),
        ("anything", {}),
        ("left", "x"),
        ("air", "yes"),
    ],
)
def test_what_the_contract_refuses_the_schema_refuses(schema: dict[str, Any], field: str, value: object) -> None:
    validator = Draft202012Validator(schema)
    assert [error for error in validator.iter_errors({field: value}) if field in error.path]


def test_a_field_is_required_where_a_request_without_it_is_refused(schema: dict[str, Any]) -> None:
    assert schema["components"]["schemas"]["ferry.v1.Crossing"]["required"] == ["name", "deck", "at", "code"]


def test_what_must_not_be_shown_is_marked_and_a_oneof_is_told(schema: dict[str, Any]) -> None:
    properties = schema["components"]["schemas"]["ferry.v1.Crossing"]["properties"]
    assert properties["card"] == {"type": "string", "x-sensitive": True}
    assert properties["air"]["description"] == "At most one of sea, air is given."


def test_comments_are_kept_by_full_names(tmp_path: Path) -> None:
    (tmp_path / "ferry.proto").write_text(PROTO)
    (file,) = (each for each in describe(tmp_path).file if each.name == "ferry.proto")
    assert comments_in(file) == {
        "ferry.v1.Crossing": "A crossing.",
        "ferry.v1.Crossing.name": "Who crosses.",
        "ferry.v1.Deck": "Where a car stands.\n\nOr a lorry.",
        "ferry.v1.DECK_LOWER": "Below.",
    }


def test_services_of_one_name_are_told_apart() -> None:
    assert _short_names(["b.v1.Service", "a.v1.Service", "a.v1.Other"]) == {
        "a.v1.Other": "Other",
        "a.v1.Service": "a_v1_Service",
        "b.v1.Service": "b_v1_Service",
    }
