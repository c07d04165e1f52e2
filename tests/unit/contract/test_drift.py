"""A live service is compared with the contract that is known here, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.cli import protoc
from orchestrator.contract.drift import check_drift
from orchestrator.contract.image import load_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Drift = Callable[[str], list[tuple[str, str]]]

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


@pytest.fixture
def drift(tmp_path: Path) -> Drift:
    def of(live: str) -> list[tuple[str, str]]:
        services = []
        for name, text in (("known", KNOWN), ("live", live)):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "room.proto").write_text(text)
            (file,) = load_image(protoc.describe(folder), {"room.proto"})
            services.append(file.services_by_name["RoomService"])
        return [(violation.rpc, violation.rule) for violation in check_drift(*services)]

    return of


def test_the_same_contract_does_not_drift(drift: Drift) -> None:
    assert drift(KNOWN) == []


def test_what_the_live_service_has_besides_is_its_own_affair(drift: Drift) -> None:
    assert drift(KNOWN.replace("string name = 1;", "string name = 1; string title = 9;")) == []


def test_an_rpc_that_the_live_service_lacks_is_found(drift: Drift) -> None:
    live = "\n".join(line for line in KNOWN.splitlines() if "rpc Cancel" not in line)

    assert ("RoomService.Cancel", "live-has-rpc") in drift(live)


def test_another_effect_on_the_live_side_is_found(drift: Drift) -> None:
    live = KNOWN.replace('EFFECT_COMPENSABLE compensation: "Cancel"', "EFFECT_PIVOT")

    assert drift(live) == [("RoomService.Book", "live-keeps-command")]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("repeated Guest guests = 2", "Guest guests = 2"),
        ("repeated Guest guests = 2", "repeated Guest visitors = 2"),
        ("string name = 1", "int64 name = 1"),
        ("string name = 1", "bytes name = 1"),
        ("string name = 1; ", ""),
        ("Guest companion = 2", "string companion = 2"),
        ("map<string, int32>", "map<string, int64>"),
        ("map<string, int32>", "map<int32, int32>"),
    ],
)
def test_a_field_that_the_live_service_reads_otherwise_is_found(drift: Drift, ours: str, theirs: str) -> None:
    assert drift(KNOWN.replace(ours, theirs)) == [("RoomService.Book", "live-reads-fields")]
