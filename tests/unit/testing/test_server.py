"""The mock as a gRPC server, and the conformance kit in front of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from orchestrator.errors import ContractError, SettingsError
from orchestrator.testing.conformance import CheckVerdict, check_participant
from orchestrator.testing.mock import Dials, Fault, MockParticipant
from shop.inventory.v1 import inventory_pb2 as inventory
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.payment.v1 import payment_pb2 as payment
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import health_stub, reflection_stub, status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

INVENTORY = inventory.DESCRIPTOR.services_by_name["InventoryService"]
PAYMENT = payment.DESCRIPTOR.services_by_name["PaymentService"]
RESERVE = inventory.ReserveStockRequest(order_id="1", lines=[Line(sku="MUG", quantity=1)])
KEY = (("idempotency-key", "1/reserve"),)


def mock(*services: ServiceDescriptor, **dials: Any) -> MockParticipant:  # noqa: ANN401
    return MockParticipant(services or (INVENTORY,), listen="127.0.0.1:0", dials=Dials(**dials))


async def refusal(call: Awaitable[object], kind: type[Any]) -> tuple[grpc.StatusCode, Any]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = status_of(caught.value)
    detail = kind()
    if status is not None and status.details:
        status.details[0].Unpack(detail)
    return caught.value.code(), detail


async def test_plain_stubs_meet_the_contract() -> None:
    async with mock() as participant, grpc.aio.insecure_channel(participant.address) as channel:
        stub = InventoryServiceStub(channel)
        first = await stub.ReserveStock(RESERVE, metadata=KEY)
        again = await stub.ReserveStock(RESERVE, metadata=KEY)

    assert first == again
    assert first.lines[0].sku == "MUG"
    assert participant.ledger.balance() == {"shop.inventory.v1.InventoryService.ReserveStock": 1}


async def test_several_contracts_share_a_server_and_a_ledger() -> None:
    async with mock(INVENTORY, PAYMENT) as participant, grpc.aio.insecure_channel(participant.address) as channel:
        await InventoryServiceStub(channel).ReserveStock(RESERVE)
        reply = await PaymentServiceStub(channel).GetPayment(payment.GetPaymentRequest(order_id="1"))

    assert reply.payment.order_id == "1"
    assert len(participant.ledger) == 1


async def test_health_and_reflection_are_there() -> None:
    async with mock() as participant, grpc.aio.insecure_channel(participant.address) as channel:
        health = await health_stub(channel).Check(HealthCheckRequest(service=INVENTORY.full_name))
        ask = ServerReflectionRequest(file_containing_symbol=INVENTORY.full_name)
        described = [str(reply) async for reply in reflection_stub(channel).ServerReflectionInfo(iter([ask]))]

    assert health.status == HealthCheckResponse.SERVING
    assert "ReserveStock" in described[0]


async def test_an_invalid_request_gets_its_violations() -> None:
    async with mock() as participant, grpc.aio.insecure_channel(participant.address) as channel:
        call = InventoryServiceStub(channel).ReserveStock(inventory.ReserveStockRequest(order_id="1"))
        code, bad_request = await refusal(call, BadRequest)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in bad_request.field_violations] == ["lines"]


async def test_bytes_that_are_no_request_are_refused() -> None:
    async with mock() as participant, grpc.aio.insecure_channel(participant.address) as channel:
        rpc: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
        rpc = channel.unary_unary(f"/{INVENTORY.full_name}/ReserveStock")
        code, info = await refusal(rpc(b"\xff\xff"), ErrorInfo)

    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


async def test_an_answer_of_the_guard_echoes_the_key_in_its_trailing_metadata() -> None:
    async with mock() as participant, grpc.aio.insecure_channel(participant.address) as channel:
        stub = InventoryServiceStub(channel)
        undo = (("idempotency-key", "2/release"), ("compensates", "2/reserve"))
        released = await echo(stub.ReleaseStock(inventory.ReleaseStockRequest(order_id="2"), metadata=undo))
        completed = await echo(stub.ReserveStock(RESERVE, metadata=KEY))
        kept_out = await echo(stub.ReserveStock(RESERVE, metadata=(("idempotency-key", "2/reserve"),)))

    assert (released, completed, kept_out) == (["2/release"], ["1/reserve"], ["2/reserve"])


async def test_an_answer_that_holds_for_one_attempt_only_echoes_no_key() -> None:
    async with mock() as participant, grpc.aio.insecure_channel(participant.address) as channel:
        stub = InventoryServiceStub(channel)
        await stub.ReserveStock(RESERVE, metadata=KEY)
        reused = stub.ReserveStock(inventory.ReserveStockRequest(order_id="2", lines=RESERVE.lines), metadata=KEY)
        invalid = stub.ReserveStock(inventory.ReserveStockRequest(order_id="1"), metadata=KEY)
        query = stub.GetStock(inventory.GetStockRequest(sku="MUG"), metadata=KEY)
        keyless = stub.ReserveStock(RESERVE)
        echoes = [await echo(call) for call in (reused, invalid, query, keyless)]

    assert echoes == [[], [], [], []]


async def echo(call: Any) -> list[str]:  # noqa: ANN401 - the call of some stub
    try:
        await call
    except grpc.aio.AioRpcError as error:
        trailing: Any = error.trailing_metadata()
    else:
        trailing = await call.trailing_metadata()
    return [value for name, value in trailing or () if name == "idempotency-key"]


@pytest.mark.parametrize(
    ("dials", "code", "reason", "effects"),
    [
        ({"reject": 1.0}, grpc.StatusCode.FAILED_PRECONDITION, "MOCK_REJECTION", 0),
        ({"unavailable": 1.0}, grpc.StatusCode.UNAVAILABLE, "", 0),
        ({"lose_reply": 1.0}, grpc.StatusCode.UNAVAILABLE, "", 1),
    ],
)
async def test_a_dial_at_its_maximum_affects_every_command(
    dials: dict[str, float], code: grpc.StatusCode, reason: str, effects: int
) -> None:
    async with mock(**dials) as participant, grpc.aio.insecure_channel(participant.address) as channel:
        seen, info = await refusal(InventoryServiceStub(channel).ReserveStock(RESERVE, metadata=KEY), ErrorInfo)

    assert (seen, info.reason) == (code, reason)
    assert len(participant.ledger.standing()) == effects


async def test_a_test_decides_what_happens_to_each_call() -> None:
    faults = iter([Fault.TIMEOUT_AFTER, Fault.NONE])
    participant = MockParticipant([INVENTORY], listen="127.0.0.1:0", faults=lambda _, __: next(faults))
    async with participant, grpc.aio.insecure_channel(participant.address) as channel:
        stub = InventoryServiceStub(channel)
        code, _ = await refusal(stub.ReserveStock(RESERVE, metadata=KEY), ErrorInfo)
        await stub.ReserveStock(RESERVE, metadata=KEY)

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    (entry,) = participant.ledger
    assert (entry.intended, entry.applied) == (2, 1)


async def test_a_mock_that_is_slower_than_the_deadline_is_not_waited_for() -> None:
    async with (
        mock(latency=(5.0, 5.0)) as participant,
        grpc.aio.insecure_channel(participant.address) as channel,
    ):
        code, _ = await refusal(InventoryServiceStub(channel).ReserveStock(RESERVE, timeout=0.05), ErrorInfo)

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("service", [INVENTORY, PAYMENT], ids=lambda service: service.name)
async def test_a_mock_passes_every_check_even_when_answers_are_lost(service: ServiceDescriptor) -> None:
    async with (
        mock(service, unavailable=0.05, lose_reply=0.1, seed=3) as participant,
        grpc.aio.insecure_channel(participant.address) as channel,
    ):
        report = await check_participant(channel, service)

    assert report.passed, str(report)
    assert participant.ledger.disorders() == ()


async def test_a_restarted_mock_has_lost_its_records_and_fails_only_the_checks_of_a_restart() -> None:
    async with (
        mock(PAYMENT) as first,
        mock(PAYMENT) as second,
        grpc.aio.insecure_channel(first.address) as channel,
        grpc.aio.insecure_channel(second.address) as channel_after,
    ):

        async def restart() -> grpc.aio.Channel:
            return channel_after

        report = await check_participant(channel, PAYMENT, restart=restart)

    # The replies depend on the requests alone, so a restart shows only in the records.
    assert {finding.check for finding in report.failures} == {"kept-out-after-restart", "verify-after-restart"}


async def test_a_contract_without_stubs_is_served_and_checked(
    compile_file: Callable[[str], FileDescriptor],
) -> None:
    file = compile_file("""
      service FerryService {
        rpc Book(BookRequest) returns (BookResponse) {
          option (saga.v1.command) = {effect: EFFECT_COMPENSABLE compensation: "Cancel"};
        }
        rpc Cancel(CancelRequest) returns (CancelResponse) {option (saga.v1.command) = {effect: EFFECT_RETRYABLE};}
        rpc Follow(BookRequest) returns (stream BookResponse);
      }
      message BookRequest {
        int64 order_id = 1 [(buf.validate.field).int64.gt = 0];
        google.protobuf.Timestamp at = 2 [(buf.validate.field).required = true];
      }
      message BookResponse { string ticket_id = 1; }
      message CancelRequest {
        int64 order_id = 1;
        string ticket_id = 2 [(saga.v1.field) = {source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_SUSPEND}];
      }
      message CancelResponse {}
    """)
    ferry = file.services_by_name["FerryService"]
    async with mock(ferry) as participant, grpc.aio.insecure_channel(participant.address) as channel:
        report = await check_participant(channel, ferry)

    assert report.passed, str(report)
    # The compensation cannot do without the answer, so it cannot come first.
    (first,) = (finding for finding in report.findings if finding.check == "compensation-first")
    assert first.verdict is CheckVerdict.NOT_APPLICABLE
    assert "the answer that holds ticket_id was lost" in first.seen


async def test_a_contract_that_names_no_address_needs_one(compile_file: Callable[[str], FileDescriptor]) -> None:
    file = compile_file("service FerryService { rpc Book(M) returns (M); } message M {}")
    with pytest.raises(ContractError, match=r"names no google\.api\.default_host"):
        MockParticipant([file.services_by_name["FerryService"]])


async def test_an_address_in_use_is_a_clear_error() -> None:
    async with mock() as participant:
        with pytest.raises(SettingsError, match=re.escape(f"cannot listen on {participant.address}: ")):
            MockParticipant([INVENTORY], listen=participant.address)
