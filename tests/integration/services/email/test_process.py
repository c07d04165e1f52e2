from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import grpc
from google.type.money_pb2 import Money
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub
from tests.support.asynchronous import health_stub

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from tests.integration.services.conftest import Refusal


def confirmation(order_id: str, to: str = "ada@example.com") -> SendConfirmationRequest:
    total = Money(currency_code="EUR", units=71, nanos=400_000_000)
    return SendConfirmationRequest(
        order_id=order_id, to=to, total=total, carrier="Swift Post", tracking_number="SP0000000000000042"
    )


def letters(state_dir: Path, order_id: str) -> list[EmailMessage]:
    files = (state_dir / "outbox").glob(f"{order_id}.*.eml")
    return [message_from_bytes(file.read_bytes(), policy=default) for file in files]


async def test_the_process_is_healthy(channel: grpc.aio.Channel) -> None:
    reply = await health_stub(channel).Check(HealthCheckRequest(service="shop.email.v1.EmailService"))

    assert reply.status == HealthCheckResponse.SERVING


async def test_without_a_mail_server_a_letter_lies_in_the_outbox(channel: grpc.aio.Channel, state_dir: Path) -> None:
    reply = await EmailServiceStub(channel).SendConfirmation(confirmation("order-1"))

    [letter] = letters(state_dir, "order-1")
    assert letter["To"] == "ada@example.com"
    assert letter["Message-ID"] == reply.message_id
    assert "You paid 71.40 EUR." in letter.get_content()


async def test_an_order_is_confirmed_once_also_under_another_key(channel: grpc.aio.Channel, state_dir: Path) -> None:
    email = EmailServiceStub(channel)
    first = await email.SendConfirmation(confirmation("order-2"), metadata=[("idempotency-key", "2/send")])
    [file] = (state_dir / "outbox").glob("order-2.*.eml")
    file.unlink()

    same_key = await email.SendConfirmation(confirmation("order-2"), metadata=[("idempotency-key", "2/send")])
    another_key = await email.SendConfirmation(confirmation("order-2"), metadata=[("idempotency-key", "2/again")])

    assert first == same_key == another_key
    assert letters(state_dir, "order-2") == []


async def test_an_address_that_no_header_can_hold_is_a_violation_of_its_field(
    channel: grpc.aio.Channel, refusal: Refusal, state_dir: Path
) -> None:
    call = EmailServiceStub(channel).SendConfirmation(confirmation("order-3", to=".ada@example.com"))

    code, bad_request = await refusal(call)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in bad_request.field_violations] == ["to"]
    assert letters(state_dir, "order-3") == []


async def test_a_key_that_comes_with_another_order_is_refused(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    email = EmailServiceStub(channel)
    metadata = [("idempotency-key", "4/send")]
    await email.SendConfirmation(confirmation("order-4"), metadata=metadata)

    code, info = await refusal(email.SendConfirmation(confirmation("order-5"), metadata=metadata))

    assert (code, info.domain) == (grpc.StatusCode.FAILED_PRECONDITION, "email.shop")
    assert info.reason == "IDEMPOTENCY_KEY_REUSED"
