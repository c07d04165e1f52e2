"""A live service is compared with the contract that is known here, rule by rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.loading import protoc
from orchestrator.contract.drift import check_drift
from orchestrator.contract.image import load_image

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    Found = list[tuple[str, str]]
    Drift = Callable[..., tuple[Found, Found]]

KNOWN = """
syntax = "proto3";
package room.v1;
import "saga/v1/contract.proto";
service RoomService {
  rpc Book(BookRequest) returns (BookResponse) {
    option (saga.v1.command) = { effect: EFFECT_COMPENSABLE compensation: "Cancel" };
  }
  rpc Cancel(CancelRequest) returns (CancelResponse) { option (saga.v1.command) = { effect: EFFECT_RETRYABLE }; }
}
message Guest { string name = 1; Guest companion = 2; map<string, int32> ages = 3; }
message BookRequest { string order_id = 1; repeated Guest guests = 2; }
message BookResponse {}
message CancelRequest { string order_id = 1; }
message CancelResponse {}
"""

SENT = {"room.v1.RoomService.Book", "room.v1.RoomService.Cancel"}


@pytest.fixture
def drift(tmp_path: Path) -> Drift:
    def of(live: str, known: str = KNOWN, sent: Collection[str] = SENT) -> tuple[Found, Found]:
        services = {}
        for name, text in (("known", known), ("live", live)):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "room.proto").write_text(text)
            (file,) = load_image(protoc.describe(folder), {"room.proto"})
            services[name] = file.services_by_name["RoomService"]
        errors, warnings = check_drift(services["known"], services["live"], sent)
        return [(each.rpc, each.rule) for each in errors], [(each.rpc, each.rule) for each in warnings]

    return of


def test_the_same_contract_does_not_drift(drift: Drift) -> None:
    assert drift(KNOWN) == ([], [])


def test_further_rpcs_and_fields_of_the_live_service_are_no_drift(drift: Drift) -> None:
    assert drift(KNOWN.replace("string name = 1;", "string name = 1; string title = 9;")) == ([], [])


def test_an_rpc_that_the_live_service_lacks_is_found(drift: Drift) -> None:
    live = "\n".join(line for line in KNOWN.splitlines() if "rpc Cancel" not in line)

    assert ("RoomService.Cancel", "live-has-rpc") in drift(live)[0]


@pytest.mark.parametrize(
    "live",
    [
        "\n".join(line for line in KNOWN.splitlines() if "rpc Cancel" not in line),
        KNOWN.replace("message CancelRequest { string", "message CancelRequest { int64"),
    ],
    ids=["missing", "different"],
)
def test_an_rpc_that_no_saga_sends_may_be_missing_and_may_differ(drift: Drift, live: str) -> None:
    assert drift(live, sent={"room.v1.RoomService.Book"}) == ([], [])


def test_an_rpc_that_streams_on_the_live_side_is_found(drift: Drift) -> None:
    live = KNOWN.replace("returns (CancelResponse)", "returns (stream CancelResponse)")

    assert drift(live) == ([("RoomService.Cancel", "live-has-rpc")], [])


@pytest.mark.parametrize(
    "other",
    [
        "EFFECT_PIVOT",
        'EFFECT_COMPENSABLE compensation: "Cancel" timeout: {seconds: 9}',
        'EFFECT_COMPENSABLE compensation: "Cancel" retry: {attempts: 9}',
    ],
)
def test_other_options_on_the_live_side_are_worth_a_warning(drift: Drift, other: str) -> None:
    live = KNOWN.replace('EFFECT_COMPENSABLE compensation: "Cancel"', other)

    assert drift(live) == ([], [("RoomService.Book", "live-keeps-command")])


def test_options_that_one_live_rpc_lacks_and_another_has_are_worth_a_warning(drift: Drift) -> None:
    live = KNOWN.replace("{ option (saga.v1.command) = { effect: EFFECT_RETRYABLE }; }", ";")

    assert drift(live) == ([], [("RoomService.Cancel", "live-keeps-command")])


def test_a_live_contract_that_was_written_without_us_does_not_drift(drift: Drift) -> None:
    live = KNOWN.replace("{ option (saga.v1.command) = { effect: EFFECT_RETRYABLE }; }", ";")
    live = re.sub(r"\{\s*option .*?\};\s*\}", ";", live).replace('import "saga/v1/contract.proto";', "")

    assert "saga" not in live
    assert drift(live) == ([], [])


def test_another_name_for_a_field_is_worth_a_warning(drift: Drift) -> None:
    live = KNOWN.replace("repeated Guest guests = 2", "repeated Guest visitors = 2")

    assert drift(live) == ([], [("RoomService.Book", "live-names-fields")])


def test_a_message_by_another_name_is_the_same_on_the_wire(drift: Drift) -> None:
    assert drift(KNOWN.replace("Guest ", "Person ")) == ([], [])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("repeated Guest guests = 2", "Guest guests = 2"),
        ("string name = 1", "int64 name = 1"),
        ("string name = 1", "bytes name = 1"),
        ("string name = 1; ", ""),
        ("Guest companion = 2", "string companion = 2"),
        ("map<string, int32>", "map<string, int64>"),
        ("map<string, int32>", "map<int32, int32>"),
    ],
)
def test_a_field_that_the_live_service_reads_otherwise_is_found(drift: Drift, ours: str, theirs: str) -> None:
    assert drift(KNOWN.replace(ours, theirs)) == ([("RoomService.Book", "live-reads-fields")], [])


PROTO2 = """
syntax = "proto2";
package room.v1;
service RoomService {
  rpc Book(BookRequest) returns (BookResponse);
  rpc Cancel(CancelRequest) returns (CancelResponse);
}
message Guest { optional string name = 1; }
message BookRequest { optional string order_id = 1; repeated Guest guests = 2; required string town = 3; }
message BookResponse { optional string room = 1; }
message CancelRequest { optional string order_id = 1; }
message CancelResponse {}
"""


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        ("optional string order_id = 1; repeated", "required string order_id = 1; repeated", 1),
        ("optional string name = 1;", "optional string name = 1; required string title = 9;", 1),
        ("optional string room = 1;", "optional string room = 1; required string floor = 9;", 0),
        ("required string town = 3;", "optional string town = 3;", 0),
    ],
    ids=["may be absent here", "unknown here", "in the reply", "required here alone"],
)
def test_a_field_that_the_live_service_alone_requires_of_a_request_is_found(
    drift: Drift, ours: str, theirs: str, found: int
) -> None:
    assert drift(PROTO2.replace(ours, theirs), PROTO2) == ([("RoomService.Book", "live-reads-fields")] * found, [])
