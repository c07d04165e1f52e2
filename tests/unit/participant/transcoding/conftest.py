"""The contract of a library, compiled into a pool of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.api import http_pb2
from google.protobuf import text_format

from orchestrator.participant.transcoding import Rule
from tests.support.contracts import pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import MethodDescriptor

_LIBRARY = """
syntax = "proto3";
package library.v1;
import "google/api/annotations.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

service LibraryService {
  rpc Ask(Request) returns (Reply);
  rpc Lend(Request) returns (Reply) { option (google.api.http).put = "/v1/loans/{number}"; }
}

enum Kind { KIND_UNSPECIFIED = 0; KIND_NOVEL = 1; KIND_POEMS = 2; }

message Chapter { string title = 1; int64 page_count = 2; }

message Book {
  string book_name = 1;
  Kind kind = 2;
  repeated Chapter chapters = 3;
  Chapter first = 4;
  map<string, int32> copies = 5;
}

message Request {
  string shelf_id = 1;
  Book book = 2;
  int64 number = 3;
  optional int32 limit = 4;
  bool is_lent = 5;
  repeated Kind kinds = 6;
  repeated string words = 7;
  bytes mark = 8;
  double price = 9;
  float weight = 10;
  google.protobuf.Timestamp lent_at = 11;
  google.protobuf.Duration lent_for = 12;
  google.protobuf.FieldMask mask = 13;
  google.protobuf.StringValue note = 14;
  google.protobuf.BytesValue seal = 15;
  oneof reader { string reader_name = 16; uint64 reader_number = 17; }
  Chapter chapter = 18;
  map<string, Chapter> chapters = 19;
  google.protobuf.Struct more = 20;
  google.protobuf.BoolValue is_old = 21;
  Kind kind = 22;
  google.protobuf.Value anything = 23;
}

message Reply { repeated Book books = 1; int32 count = 2; Book book = 3; Kind kind = 4; }
"""


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> MethodDescriptor:
    """The rpc of the library."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "library.proto").write_text(_LIBRARY)
    service = pool(folder).FindServiceByName("library.v1.LibraryService")
    return service.methods_by_name["Ask"]


@pytest.fixture(scope="session")
def rule(ask: MethodDescriptor) -> Callable[[str], Rule]:
    """Compile a rule for the rpc of the library, such as ``get: "/v1/books"``."""
    return lambda text: Rule.of(ask, text_format.Parse(text, http_pb2.HttpRule()))
