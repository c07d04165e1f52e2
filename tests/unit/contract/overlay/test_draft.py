"""The draft of an overlay is made from names, is careful, and asks what names do not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import Effect
from orchestrator.contract.options import lay
from orchestrator.contract.overlay.draft import draft_overlay
from orchestrator.contract.overlay.reading import read_overlays
from orchestrator.contract.reader import read_service
from orchestrator.contract.rules.overlays import check_overlays
from orchestrator.contract.rules.services import check_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.contract.command import Command

FOREIGN = """
service FerryService {
  rpc ReserveSeat(Seat) returns (Ticket);
  rpc ReleaseSeat(Release) returns (Nothing);
  rpc CreateNote(Note) returns (Note);
  rpc DeleteNote(Note) returns (Nothing);
  rpc AuthorizePayment(Payment) returns (Ticket);
  rpc VoidPayment(Voiding) returns (Nothing);
  rpc CapturePayment(Payment) returns (Nothing);
  rpc SendMail(Note) returns (Nothing);
  rpc GetSeat(Seat) returns (Seat);
  rpc ListSeats(Nothing) returns (Seat);
  rpc WatchSeats(Nothing) returns (stream Seat);
  rpc Juggle(Nothing) returns (Nothing);
  rpc Sail(Seat) returns (Nothing) { option (saga.v1.command) = {effect: EFFECT_PIVOT not_idempotent: true}; }
}
message Seat { string order_id = 1; string seat = 2; }
message Release { string order_id = 1; string ticket_id = 2; }
message Ticket { string ticket_id = 1; }
message Note { string note_id = 1; string email = 2; }
message Payment { CreditCard card = 1; string customer = 2; }
message CreditCard { string number = 1; int32 cvv = 2; bool debit = 3; }
message Voiding { string reference = 1; }
message Nothing {}
"""


@pytest.fixture
def service(compile_service: Callable[[str], ServiceDescriptor]) -> ServiceDescriptor:
    return compile_service(FOREIGN)


@pytest.fixture
def draft(service: ServiceDescriptor) -> str:
    return draft_overlay([service.file], "overlay.schema.json")


@pytest.fixture
def commands(service: ServiceDescriptor, draft: str) -> dict[str, Command]:
    """The commands as the draft says them."""
    lay(read_overlays({"overlay.yaml": draft}), service.file.pool)
    return read_service(service)


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("ReserveSeat", Effect.COMPENSABLE),
        ("ReleaseSeat", Effect.RETRYABLE),
        ("CreateNote", Effect.COMPENSABLE),
        ("AuthorizePayment", Effect.COMPENSABLE),
        ("CapturePayment", Effect.PIVOT),
        ("SendMail", Effect.RETRYABLE),
        ("GetSeat", Effect.QUERY),
        ("ListSeats", Effect.QUERY),
        ("Juggle", Effect.UNSPECIFIED),
    ],
)
def test_the_verb_of_an_rpc_tells_its_effect(name: str, effect: Effect, commands: dict[str, Command]) -> None:
    assert commands[name].effect is effect


@pytest.mark.parametrize(
    ("name", "compensation"),
    [("ReserveSeat", "ReleaseSeat"), ("CreateNote", "DeleteNote"), ("AuthorizePayment", "VoidPayment")],
)
def test_the_verb_and_the_noun_of_an_rpc_tell_its_compensation(
    name: str, compensation: str, commands: dict[str, Command]
) -> None:
    undo = commands[name].compensation

    assert undo
    assert undo.method == compensation


def test_an_id_that_only_the_answer_holds_is_taken_from_the_answer(draft: str) -> None:
    assert "      ticket_id: {response: ticket_id, when_unknown: SUSPEND}" in draft


def test_a_field_that_nothing_fills_is_asked_about_and_refused_by_check(
    draft: str, service: ServiceDescriptor, commands: dict[str, Command]
) -> None:
    assert "# Question: what is its `string reference`?" in draft
    assert "# in the request: customer; in the response: ticket_id." in draft
    assert commands
    assert check_overlays(service.file.pool) == []
    found = {(each.rpc, each.rule) for each in check_service(service)}
    assert ("FerryService.AuthorizePayment", "fillings-fit") in found


def test_a_command_without_an_identity_is_never_sent_twice_in_doubt(commands: dict[str, Command], draft: str) -> None:
    assert commands["ReserveSeat"].idempotent, "it has an order_id"
    assert not commands["SendMail"].idempotent
    assert "# identity: [note_id]" in draft


def test_what_names_do_not_tell_stays_a_comment(draft: str) -> None:
    assert "# Question: what does Juggle do to the world?" in draft
    assert "# - method: ferry.v1.FerryService.Juggle" in draft
    assert "# ferry.v1.FerryService.WatchSeats: it streams" in draft
    assert "# ferry.v1.FerryService.Sail: its contract says it itself." in draft


def test_fields_that_should_not_be_shown_are_masked(draft: str) -> None:
    sensitive = read_overlays({"overlay.yaml": draft}).sensitive

    assert sensitive == {f"ferry.v1.{name}" for name in ("Note.email", "CreditCard.number", "CreditCard.cvv")}


def test_a_draft_of_a_contract_that_tells_nothing_can_be_read(
    compile_service: Callable[[str], ServiceDescriptor],
) -> None:
    service = compile_service("service FerryService { rpc Juggle(Ball) returns (Ball); } message Ball {}")

    assert read_overlays({"overlay.yaml": draft_overlay([service.file], "overlay.schema.json")}).methods == {}
