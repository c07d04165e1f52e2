"""The requests of a compensation and of a verify, and a lost answer, are derived: as said, else by name and type."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import text_format

from orchestrator.contract.derivation import Derivation
from orchestrator.contract.reader import read_command
from orchestrator.errors import CompensationUnderivable, ContractError
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command

SERVICE = """
service FerryService {
  rpc Book(Booking) returns (Ticket) {
    option (saga.v1.command) = {effect: EFFECT_COMPENSABLE compensation: "Cancel" verify: "Get"};
  }
  rpc Cancel(Cancellation) returns (Empty) { option (saga.v1.command) = {effect: EFFECT_RETRYABLE}; }
  rpc Get(Question) returns (Answer) { option (saga.v1.command) = {effect: EFFECT_QUERY}; }
}
enum Deck { DECK_UNSPECIFIED = 0; DECK_UPPER = 1; }
message Seat { int32 row = 1; }
message Booking {
  string order_id = 1;
  optional string note = 2;
  Seat seat = 3;
  repeated Seat seats = 4;
  repeated string names = 5;
  map<string, Seat> by_name = 6;
  Deck deck = 7;
  int64 weight = 8;
}
message Empty {}
"""
TICKET = "message Ticket { string ticket_id = 1; Seat assigned = 2; }"
QUESTION = "message Question { string order_id = 1; }"
ANSWER = "message Answer { string ticket_id = 1; Seat assigned = 2; bool boarded = 3; }"


@pytest.fixture
def book(compile_service: Callable[[str], ServiceDescriptor]) -> Callable[..., Command]:
    def compile_book(
        cancellation: str = "string order_id = 1;", *, ticket: str = TICKET, answer: str = ANSWER
    ) -> Command:
        messages = f"message Cancellation {{ {cancellation} }}"
        service = compile_service(f"{SERVICE} {ticket} {QUESTION} {answer} {messages}")
        return read_command(service.methods_by_name["Book"])

    return compile_book


def compensate(command: Command) -> Derivation:
    assert command.compensation
    return Derivation.of(command, command.compensation)


# Classes of a pool of their own have no static types.
def derived_from(command: Command, response: Message | None = None, **request: Any) -> Any:  # noqa: ANN401
    return compensate(command).derive(command.request(**request), response)


def test_a_scalar_is_taken_from_the_request(book: Callable[..., Command]) -> None:
    command = book("string order_id = 9; int64 weight = 2; Deck deck = 3;")

    derived = derived_from(command, order_id="o-1", weight=7, deck=1)

    assert command.compensation
    assert derived.DESCRIPTOR is command.compensation.request.DESCRIPTOR
    assert (derived.order_id, derived.weight, derived.deck) == ("o-1", 7, 1)


def test_messages_lists_and_maps_are_copied_whole(book: Callable[..., Command]) -> None:
    command = book("Seat seat = 1; repeated Seat seats = 2; repeated string names = 3; map<string, Seat> by_name = 4;")

    derived = derived_from(
        command, seat={"row": 1}, seats=[{"row": 2}, {"row": 3}], names=["a", "b"], by_name={"a": {"row": 4}}
    )

    assert derived.seat.row == 1
    assert [seat.row for seat in derived.seats] == [2, 3]
    assert list(derived.names) == ["a", "b"]
    assert derived.by_name["a"].row == 4


def fill(field: str, **origin: str) -> str:
    said = " ".join(f"{name}: {value if value.startswith('{') else repr(value)}" for name, value in origin.items())
    return f"{{ field: '{field}' {said} }}"


def filled(command: Command, *fillings: str) -> Command:
    """The command, as if its contract said what fills the request of its compensation."""
    assert command.compensation
    said = tuple(text_format.Parse(each.strip("{}"), contract_pb2.Filling()) for each in fillings)
    return dataclasses.replace(command, fillings={command.compensation.name: said})


def test_a_field_takes_the_value_of_a_field_of_another_name(book: Callable[..., Command]) -> None:
    command = filled(
        book("string reference = 1; int32 row = 2; string ticket = 3;"),
        fill("reference", request="order_id"),
        fill("row", request="seat.row"),
        "{ field: 'ticket' response: 'ticket_id' when_unknown: WHEN_UNKNOWN_LEAVE_EMPTY }",
    )

    known = derived_from(command, command.response(ticket_id="t-1"), order_id="o-1", seat={"row": 7})
    lost = derived_from(command, order_id="o-1")

    assert (known.reference, known.row, known.ticket) == ("o-1", 7, "t-1")
    assert (lost.reference, lost.row, lost.ticket) == ("o-1", 0, "")


def test_a_field_from_a_lost_answer_is_not_made_up(book: Callable[..., Command]) -> None:
    command = filled(book("string ticket = 1;"), fill("ticket", response="ticket_id"))

    with pytest.raises(CompensationUnderivable, match="ticket"):
        derived_from(command)


def test_a_constant_is_a_value_of_the_type_of_its_field(book: Callable[..., Command]) -> None:
    command = filled(
        book("string why = 1; int64 weight = 2; repeated string names = 3; Seat seat = 4; Deck deck = 5;"),
        fill("why", constant="{string_value: 'rolled back'}"),
        fill("weight", constant="{number_value: 3}"),
        fill("names", constant="{list_value: {values: {string_value: 'a'}}}"),
        fill("seat", constant="{struct_value: {fields: {key: 'row' value: {number_value: 4}}}}"),
        fill("deck", constant="{number_value: 1}"),
    )

    derived = derived_from(command)

    assert (derived.why, derived.weight, derived.seat.row, derived.deck) == ("rolled back", 3, 4, 1)
    assert list(derived.names) == ["a"]


def test_a_derived_message_shares_no_part_with_the_request(book: Callable[..., Command]) -> None:
    command = book("Seat seat = 1;")
    request: Any = command.request(seat={"row": 1})

    derived: Any = compensate(command).derive(request)
    derived.seat.row = 2

    assert request.seat.row == 1


def test_an_absent_field_stays_absent_and_a_present_default_stays_present(book: Callable[..., Command]) -> None:
    command = book("optional string note = 1; Seat seat = 2;")

    absent, present = derived_from(command), derived_from(command, note="", seat={})

    assert not absent.HasField("note")
    assert not absent.HasField("seat")
    assert present.HasField("note")
    assert present.HasField("seat")


def test_a_default_without_presence_does_not_become_a_present_value(book: Callable[..., Command]) -> None:
    command = book("optional int64 weight = 1;")

    assert not derived_from(command, weight=0).HasField("weight")
    assert derived_from(command, weight=3).weight == 3


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        ("string reason = 1;", "its request has no field `string reason`"),
        ("int32 weight = 1;", "its request has no field `int32 weight`"),
        ("string names = 1;", "its request has no field `string names`"),
        ("map<string, string> by_name = 1;", "its request has no field `map<string, string> by_name`"),
        ("Empty seat = 1;", "its request has no field `ferry.v1.Empty seat`"),
        ("string ticket_id = 1;", "its request has no field `string ticket_id`"),
        (
            "string order_id = 1 [(saga.v1.field).source = SOURCE_RESPONSE];",
            "its response has no field `string order_id`",
        ),
    ],
)
def test_a_field_without_a_source_of_its_name_and_type_is_refused(
    field: str, missing: str, book: Callable[..., Command]
) -> None:
    with pytest.raises(ContractError, match=r"FerryService\.Cancel cannot be derived") as refused:
        compensate(book(field))

    assert missing in str(refused.value)


ANSWERED = """
  string order_id = 1;
  string ticket_id = 2 [(saga.v1.field) = {source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_%s}];
  Seat assigned = 3 [(saga.v1.field) = {source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_LEAVE_EMPTY}];
"""


@pytest.mark.parametrize("when_unknown", ["LEAVE_EMPTY", "SUSPEND"])
def test_a_field_marked_as_from_the_response_is_taken_from_the_response(
    when_unknown: str, book: Callable[..., Command]
) -> None:
    command = book(ANSWERED % when_unknown)

    derived = derived_from(command, command.response(ticket_id="t-1", assigned={"row": 5}), order_id="o-1")

    assert (derived.order_id, derived.ticket_id, derived.assigned.row) == ("o-1", "t-1", 5)


def test_a_field_from_a_lost_answer_is_left_empty_where_the_contract_says_so(book: Callable[..., Command]) -> None:
    derived = derived_from(book(ANSWERED % "LEAVE_EMPTY"), order_id="o-1")

    assert (derived.order_id, derived.ticket_id) == ("o-1", "")
    assert not derived.HasField("assigned")


@pytest.mark.parametrize("when_unknown", ["SUSPEND", "UNSPECIFIED"])
def test_a_lost_answer_that_is_indispensable_is_an_error_that_names_the_field(
    when_unknown: str, book: Callable[..., Command]
) -> None:
    with pytest.raises(CompensationUnderivable) as lost:
        derived_from(book(ANSWERED % when_unknown), order_id="o-1")

    assert lost.value.compensation == "ferry.v1.FerryService.Cancel"
    assert lost.value.fields == ("ticket_id",)


def test_a_verify_is_asked_from_the_request(book: Callable[..., Command]) -> None:
    command = book()
    assert command.verify

    asked: Any = Derivation.of(command, command.verify).derive(command.request(order_id="o-1"))

    assert asked.DESCRIPTOR is command.verify.request.DESCRIPTOR
    assert asked.order_id == "o-1"


def test_a_lost_answer_is_derived_from_the_answer_of_the_verify(book: Callable[..., Command]) -> None:
    command = book()
    assert command.verify

    derivation = Derivation.of_response(command, command.verify)
    assert derivation
    answer: Any = derivation.derive(command.verify.response(ticket_id="t-1", assigned={"row": 5}, boarded=True))

    assert answer.DESCRIPTOR is command.response.DESCRIPTOR
    assert (answer.ticket_id, answer.assigned.row) == ("t-1", 5)


def test_a_lost_answer_that_the_verify_does_not_hold_is_not_derivable(book: Callable[..., Command]) -> None:
    command = book(answer="message Answer { string ticket_id = 1; }")
    assert command.verify

    assert Derivation.of_response(command, command.verify) is None


def test_an_empty_answer_is_derivable_from_any(book: Callable[..., Command]) -> None:
    command = book(ticket="message Ticket {}")
    assert command.verify

    assert Derivation.of_response(command, command.verify)
