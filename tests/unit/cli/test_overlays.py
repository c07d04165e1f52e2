"""Overlays on the command line: drafted, read by editors, and checked with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml
from google.protobuf import descriptor_pool

from orchestrator.cli.loading.protoc import describe
from orchestrator.contract.options import Annotations, lay
from orchestrator.definition import overlays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.cli.conftest import Answer

FERRY = """
syntax = "proto3";
package ferry.v1;
service FerryService {
  rpc BookSeat(Booking) returns (Ticket);
  rpc CancelSeat(Ticket) returns (Ticket);
}
message Booking { string trip = 1; string card_number = 2; }
message Ticket { string ticket_id = 1; }
"""
OVERLAY = """\
methods:
- method: ferry.v1.FerryService.BookSeat
  effect: COMPENSABLE
  compensation:
    method: CancelSeat
    request:
      ticket_id: {response: ticket_id, when_unknown: SUSPEND}
  not_idempotent: true
- method: ferry.v1.FerryService.CancelSeat
  effect: RETRYABLE
  identity: [ticket_id]
"""


@pytest.fixture(autouse=True)
def nothing_laid(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No overlay of one test is known to another."""
    monkeypatch.setattr(overlays, "_used", {})
    yield
    lay(Annotations(), descriptor_pool.Default())


@pytest.fixture
def orchestrator(orchestrator: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Call ``orchestrator`` beside a foreign contract and an overlay for it."""
    monkeypatch.delenv("ORCHESTRATOR_SAGAS")
    Path("protos/ferry/v1").mkdir(parents=True)
    Path("protos/ferry/v1/ferry.proto").write_text(FERRY)
    Path("ferry.yaml").write_text(OVERLAY)
    return orchestrator


def test_a_draft_is_written_with_the_schema_by_which_editors_complete_it(orchestrator: Callable[..., Answer]) -> None:
    answer = orchestrator("annotate", "--protos", "protos")

    assert answer.code == 0
    assert answer.err.startswith("overlay.yaml: 3 questions are open; answer them, then:")
    assert Path("overlay.yaml").read_text().startswith("# yaml-language-server: $schema=overlay.schema.json\n")
    schema = json.loads(Path("overlay.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(Path("overlay.yaml").read_text()), schema)
    assert orchestrator("check", "--protos", "protos", "--overlay", "overlay.yaml").out == (
        "1 contract, 2 commands, no sagas: no violations\n"
    )


def test_a_draft_never_overwrites_what_a_person_has_corrected(orchestrator: Callable[..., Answer]) -> None:
    answer = orchestrator("annotate", "--protos", "protos", "--out", "ferry.yaml")

    assert (answer.code, answer.err) == (1, "error: ferry.yaml is there already; name another file with --out\n")
    assert Path("ferry.yaml").read_text() == OVERLAY


def test_a_draft_needs_contracts(orchestrator: Callable[..., Answer]) -> None:
    answer = orchestrator("annotate")

    assert answer.code == 2
    assert "--protos, --descriptor-set or --reflect" in answer.err


def test_contracts_are_read_from_one_place(orchestrator: Callable[..., Answer]) -> None:
    answer = orchestrator("annotate", "--protos", "protos", "--reflect", "127.0.0.1:1")

    assert (answer.code, answer.err) == (2, "error: name one source of contracts, not --protos and --reflect\n")


def test_a_server_that_is_not_there_tells_no_contracts(orchestrator: Callable[..., Answer]) -> None:
    answer = orchestrator("annotate", "--reflect", "127.0.0.1:1")

    assert answer.code == 1
    assert answer.err.startswith("error: 127.0.0.1:1 cannot be asked: UNAVAILABLE")


@pytest.mark.parametrize("overlay", [OVERLAY, "methods: [{method: a.B.C, timeout: 1.5m, outcomes: []}]"])
def test_the_schema_accepts_what_is_accepted(overlay: str, orchestrator: Callable[..., Answer]) -> None:
    jsonschema.validate(yaml.safe_load(overlay), json.loads(orchestrator("annotate", "--schema").out))


@pytest.mark.parametrize(
    "entry",
    [
        "{effect: QUERY}",
        "{method: a.B.C, efect: QUERY}",
        "{method: a.B.C, effect: QUERRY}",
        "{method: a.B.C, timeout: soon}",
        "{method: a.B.C, outcomes: [{code: OK, outcome: REJECTED}]}",
        "{method: a.B.C, compensation: [D]}",
    ],
)
def test_the_schema_refuses_what_is_refused(entry: str, orchestrator: Callable[..., Answer]) -> None:
    schema = json.loads(orchestrator("annotate", "--schema").out)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(f"methods: [{entry}]"), schema)


def test_foreign_contracts_are_checked_without_a_saga(orchestrator: Callable[..., Answer]) -> None:
    answer = orchestrator("check", "--protos", "protos", "--overlay", "ferry.yaml")

    assert (answer.code, answer.out) == (0, "1 contract, 2 commands, no sagas: no violations\n")


def test_contracts_may_come_as_a_set_of_descriptors(orchestrator: Callable[..., Answer]) -> None:
    Path("ferry.binpb").write_bytes(describe(Path("protos")).SerializeToString())

    checked = orchestrator("check", "--descriptor-set", "ferry.binpb", "--overlay", "ferry.yaml")
    generated = orchestrator("generate", "--descriptor-set", "ferry.binpb", "--out", "stubs")

    assert (checked.code, checked.out) == (0, "1 contract, 2 commands, no sagas: no violations\n")
    assert generated.code == 0
    assert Path("stubs/ferry/v1/ferry_pb2_grpc.py").is_file()


def test_files_of_grpc_beside_a_contract_need_no_stubs(orchestrator: Callable[..., Answer]) -> None:
    Path("protos/grpc/health/v1").mkdir(parents=True)
    Path("protos/grpc/health/v1/health.proto").write_text('syntax = "proto3"; package grpc.health.v1; message Check {}')

    answer = orchestrator("generate", "--protos", "protos", "--out", "stubs")

    assert (answer.code, answer.out) == (0, "stubs: the stubs of 1 .proto file are up to date\n")


def test_what_is_no_set_of_descriptors_is_refused(orchestrator: Callable[..., Answer]) -> None:
    missing = orchestrator("check", "--descriptor-set", "missing.binpb")
    text = orchestrator("check", "--descriptor-set", "ferry.yaml")

    assert (missing.code, missing.err) == (2, "error: --descriptor-set missing.binpb: there is no such file\n")
    assert text.code == 1
    assert text.err.startswith("error: ferry.yaml: it holds no descriptors")


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("BookSeat", "BokSeat", "ferry.yaml:2: ferry.v1.FerryService.BokSeat: [overlay-applies]"),
        ("response: ticket_id", "response: tiket", "ferry.yaml:6: FerryService.BookSeat: [fillings-fit]"),
        ("      ticket_id:", "      ticket:", "ferry.yaml:6: FerryService.BookSeat: [fillings-fit]"),
        (", when_unknown: SUSPEND", "", "ferry.yaml:6: FerryService.BookSeat: [response-field-states-when-unknown]"),
        ("RETRYABLE", "QUERY", "ferry.yaml:4: FerryService.BookSeat: [compensation-is-retryable]"),
        ("[ticket_id]", "[ticket]", "ferry.yaml:11: FerryService.CancelSeat: [identity-is-a-field]"),
    ],
)
def test_a_planted_mistake_is_told_with_file_and_line(
    good: str, bad: str, told: str, orchestrator: Callable[..., Answer]
) -> None:
    Path("ferry.yaml").write_text(OVERLAY.replace(good, bad))

    answer = orchestrator("check", "--protos", "protos", "--overlay", "ferry.yaml")

    assert answer.code == 1
    assert told in answer.out


def test_an_overlay_that_contradicts_the_contract_is_told_with_file_and_line(
    orchestrator: Callable[..., Answer],
) -> None:
    option = 'import "saga/v1/contract.proto";\nservice'
    contract = FERRY.replace("service", option).replace(
        "rpc CancelSeat(Ticket) returns (Ticket);",
        "rpc CancelSeat(Ticket) returns (Ticket) { option (saga.v1.command) = {effect: EFFECT_PIVOT}; }",
    )
    Path("protos/ferry/v1/ferry.proto").write_text(contract)

    answer = orchestrator("check", "--protos", "protos", "--overlay", "ferry.yaml")

    assert answer.code == 1
    assert "ferry.yaml:10: ferry.v1.FerryService.CancelSeat: [overlay-agrees]" in answer.out


@pytest.mark.parametrize("command", ["check", "mock", "conform"])
def test_an_overlay_that_cannot_be_read_ends_every_command(command: str, orchestrator: Callable[..., Answer]) -> None:
    service = [] if command == "check" else ["ferry.v1.FerryService"]

    answer = orchestrator(command, *service, "--protos", "protos", "--overlay", "missing.yaml")

    assert answer.code == 1
    assert answer.err.startswith("error: missing.yaml: the overlay cannot be read")


def test_overlays_can_be_named_in_the_environment(
    orchestrator: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_OVERLAYS", "ferry.yaml")

    assert orchestrator("check", "--protos", "protos").out == "1 contract, 2 commands, no sagas: no violations\n"
