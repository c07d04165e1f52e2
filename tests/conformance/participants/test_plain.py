"""A plain service, written without us: the kit does not check what the contract says that the service does not do."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
from google.protobuf import descriptor_pool, message_factory

from orchestrator.cli.loading.protoc import describe
from orchestrator.testing.conformance import CheckVerdict, Examples, Report, check_participant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from google.protobuf.message import Message

PROTOS: Final = Path(__file__).parents[2] / "acceptance" / "other_languages" / "protos" / "annotated"
POOL: Final = descriptor_pool.DescriptorPool()
for _file in describe(PROTOS).file:
    POOL.AddSerializedFile(_file.SerializeToString())
AIRLINE: Final = POOL.FindServiceByName("airline.v1.AirlineService")
EXAMPLES: Final = {"BuyTicket": {"rejected": {"city": "Atlantis"}}}


class Airline:
    """Sells another ticket at each call, refuses with a text only, and refunds by the ticket."""

    def __init__(self, refusal: str) -> None:
        self.refusal = refusal
        self.sold = 0

    async def buy(self, request: Any, context: Any) -> Message:  # noqa: ANN401
        if request.city == "Atlantis":
            await context.abort(grpc.StatusCode.UNKNOWN, self.refusal)
        self.sold += 1
        return reply("BuyTicketResponse")(ticket=f"T{self.sold}", price=120)

    async def refund(self, request: Any, context: Any) -> Message:  # noqa: ANN401, ARG002
        return reply("RefundTicketResponse")()


def reply(name: str) -> Callable[..., Message]:
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"airline.v1.{name}"))


@asynccontextmanager
async def serving(airline: Airline) -> AsyncIterator[grpc.aio.Channel]:
    handlers: dict[str, grpc.RpcMethodHandler[Message, Message]] = {
        name: grpc.unary_unary_rpc_method_handler(
            behaviour,
            request_deserializer=message_factory.GetMessageClass(AIRLINE.methods_by_name[name].input_type).FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        for name, behaviour in (("BuyTicket", airline.buy), ("RefundTicket", airline.refund))
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(AIRLINE.full_name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


async def examined(refusal: str) -> Report:
    async with serving(Airline(refusal)) as channel:
        return await check_participant(channel, AIRLINE, Examples.parse(AIRLINE, EXAMPLES))


async def test_a_service_that_recognises_no_key_fails_no_check_that_is_about_keys() -> None:
    report = await examined("no airport in Atlantis")

    assert report.passed, str(report)
    excused = {each.check for each in report.findings if each.verdict is CheckVerdict.NOT_APPLICABLE}
    assert {"same-key-twice", "command-after-compensation", "compensation-key-with-another-request"} <= excused


async def test_only_the_text_that_the_contract_calls_a_rejection_is_a_rejection() -> None:
    sound, other = await examined("no airport in Atlantis"), await examined("out of memory")

    failed = {each.check for each in other.findings if each.verdict is CheckVerdict.FAILED}
    assert sound.passed
    assert failed == {"rejection-compensated"}
