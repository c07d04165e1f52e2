"""Which queries of a service the kit asks about a command, and with what."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from google.protobuf import text_format

from orchestrator.contract.reader import read_service
from orchestrator.testing.conformance import CheckVerdict, Examples, check_participant
from orchestrator.testing.conformance.command_under_test import CommandUnderTest
from orchestrator.testing.mock import MockParticipant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

    Compile = Callable[[str], FileDescriptor]

FERRIES = """
  service FerryService {
    rpc Book(BookRequest) returns (BookResponse) {
      option (saga.v1.command) = {effect: EFFECT_COMPENSABLE compensation: "Cancel"};
    }
    rpc Cancel(CancelRequest) returns (CancelResponse) {option (saga.v1.command) = {effect: EFFECT_RETRYABLE};}
    rpc ByOrder(ByOrderRequest) returns (Shown) {option (saga.v1.command) = {effect: EFFECT_QUERY};}
    rpc ByTicket(ByTicketRequest) returns (Shown) {option (saga.v1.command) = {effect: EFFECT_QUERY};}
    rpc ByBerth(ByBerthRequest) returns (Shown) {option (saga.v1.command) = {effect: EFFECT_QUERY};}
    rpc Listed(ListedRequest) returns (Shown) {option (saga.v1.command) = {effect: EFFECT_QUERY};}
    rpc Everything(EverythingRequest) returns (Shown) {option (saga.v1.command) = {effect: EFFECT_QUERY};}
    rpc Weather(WeatherRequest) returns (Shown) {option (saga.v1.command) = {effect: EFFECT_QUERY};}
  }
  message BookRequest { string order_id = 1; string line = 2; }
  message BookResponse { string ticket_id = 1; Berth berth = 2; }
  message Berth { string berth_id = 1; }
  message CancelRequest { string order_id = 1; }
  message CancelResponse {}
  message ByOrderRequest { string order_id = 1; }
  message ByTicketRequest { string order_id = 1; string ticket_id = 2; }
  message ByBerthRequest { string berth_id = 1 [(buf.validate.field).string.min_len = 1]; }
  message ListedRequest { string order_id = 1; int32 page_size = 2; }
  message EverythingRequest { int32 page_size = 1; }
  message WeatherRequest { string line = 1; string day = 2; }
  message Shown { string state = 1; }
"""

TICKETS = """
  service TicketService {
    rpc Sell(SellRequest) returns (SellResponse) {
      option (saga.v1.command) = {effect: EFFECT_COMPENSABLE compensation: "TakeBack"};
    }
    rpc TakeBack(TakeBackRequest) returns (SellResponse) {option (saga.v1.command) = {effect: EFFECT_RETRYABLE};}
    rpc GetTicket(GetTicketRequest) returns (Ticket) {option (saga.v1.command) = {effect: EFFECT_QUERY};}
  }
  message SellRequest { string order_id = 1; }
  message SellResponse { string ticket_id = 1; }
  message TakeBackRequest {
    string order_id = 1;
    string ticket_id = 2 [(saga.v1.field) = {source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_LEAVE_EMPTY}];
  }
  message GetTicketRequest { string ticket_id = 1 [(buf.validate.field).string.min_len = 1]; }
  message Ticket { string state = 1; }
"""


@asynccontextmanager
async def selling(
    service: ServiceDescriptor, *, undoes: bool = True, one_ticket: bool = False, needs_ticket: bool = False
) -> AsyncIterator[grpc.aio.Channel]:
    """An office without a guard, whose tickets are found by an id that only its replies have."""
    commands = read_service(service)
    tickets: dict[str, str] = {}
    sold: dict[str, str] = {}

    async def sell(request: Any, _context: Any) -> Any:  # noqa: ANN401
        ticket = sold.setdefault(request.order_id, "T" if one_ticket else f"T{len(sold)}")
        tickets[ticket] = "sold"
        return commands["Sell"].response(ticket_id=ticket)

    async def take_back(request: Any, _context: Any) -> Any:  # noqa: ANN401
        if undoes and request.order_id in sold and (request.ticket_id or not needs_ticket):
            tickets[sold[request.order_id]] = "taken back"
        return commands["TakeBack"].response()

    async def get_ticket(request: Any, context: Any) -> Any:  # noqa: ANN401
        if request.ticket_id not in tickets:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such ticket")
        return commands["GetTicket"].response(state=tickets[request.ticket_id])

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        name: grpc.unary_unary_rpc_method_handler(
            behaviour, commands[name].request.FromString, lambda reply: reply.SerializeToString()
        )
        for name, behaviour in (("Sell", sell), ("TakeBack", take_back), ("GetTicket", get_ticket))
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


@pytest.fixture
def booking(compile_file: Compile) -> CommandUnderTest:
    service = compile_file(FERRIES).services_by_name["FerryService"]
    commands = read_service(service)
    return CommandUnderTest(commands["Book"], commands, Examples(service))


def asked(booking: CommandUnderTest, reply: str | None) -> dict[str, str]:
    """What each query is asked, in text format, once the reply is known, also in text format."""
    request = booking.command.request(order_id="o", line="north")
    known = None if reply is None else text_format.Parse(reply, booking.command.response())
    questions = {name: question(request, known) for name, (_, question) in booking.observers.items()}
    return {
        name: text_format.MessageToString(question, as_one_line=True).strip()
        for name, question in questions.items()
        if question is not None
    }


def test_queries_that_the_commands_request_fills_are_asked_before_the_command(booking: CommandUnderTest) -> None:
    assert asked(booking, None) == {"ByOrder": 'order_id: "o"', "Listed": 'order_id: "o"'}


def test_queries_for_ids_of_the_reply_and_of_its_messages_are_asked_after_the_command(
    booking: CommandUnderTest,
) -> None:
    assert asked(booking, 'ticket_id: "t" berth {berth_id: "b"}') == {
        "ByOrder": 'order_id: "o"',
        "Listed": 'order_id: "o"',
        "ByTicket": 'order_id: "o" ticket_id: "t"',
        "ByBerth": 'berth_id: "b"',
    }


@pytest.mark.parametrize("reply", ["ticket_id: 't'", "ticket_id: 't' berth {}"])
def test_an_id_that_the_reply_leaves_out_is_not_asked_about(booking: CommandUnderTest, reply: str) -> None:
    assert "ByBerth" not in asked(booking, reply)


async def test_a_query_that_answers_for_any_id_does_not_show_an_effect(compile_file: Compile) -> None:
    service = compile_file(FERRIES).services_by_name["FerryService"]
    # A mock makes up what its queries show.
    async with (
        MockParticipant([service], listen="127.0.0.1:0") as mock,
        grpc.aio.insecure_channel(mock.address) as channel,
    ):
        report = await check_participant(channel, service)

    assert report.passed, str(report)
    (undoes,) = (each for each in report.findings if each.check == "compensation-undoes")
    assert undoes.verdict is CheckVerdict.NOT_SEEN


@pytest.mark.parametrize(
    ("office", "verdict"),
    [
        ({}, CheckVerdict.PASSED),
        ({"undoes": False}, CheckVerdict.FAILED),
        ({"one_ticket": True}, CheckVerdict.NOT_SEEN),
    ],
    ids=["sound", "undoes nothing", "the same ticket for all"],
)
async def test_an_effect_is_seen_by_an_id_that_only_the_reply_has(
    compile_file: Compile, office: dict[str, bool], verdict: CheckVerdict
) -> None:
    file = compile_file(TICKETS)
    service = file.services_by_name["TicketService"]
    async with selling(service, **office) as channel:
        report = await check_participant(channel, service)

    (undoes,) = (each for each in report.findings if each.check == "compensation-undoes")
    assert undoes.verdict is verdict, str(undoes)


async def test_a_compensation_that_needs_the_lost_answer_and_succeeds_without_it_undoes_nothing(
    compile_file: Compile,
) -> None:
    service = compile_file(TICKETS).services_by_name["TicketService"]
    async with selling(service, needs_ticket=True) as channel:
        report = await check_participant(channel, service)

    (undoes,) = (each for each in report.findings if each.check == "compensation-undoes")
    assert undoes.verdict is CheckVerdict.FAILED
    assert undoes.seen.startswith("the compensation, as if the answer had been lost, completed, and GetTicket shows")


def test_a_query_that_names_no_command_is_left_out(booking: CommandUnderTest) -> None:
    assert not {"Everything", "Weather"} & booking.observers.keys()
