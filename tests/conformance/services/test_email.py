"""The confirmations, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.type.money_pb2 import Money

from services.email.service import EmailService
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub

if TYPE_CHECKING:
    from pathlib import Path

    from services.chassis.guard import Guard
    from services.email.settings import EmailSettings
    from tests.conformance.services.conftest import Serve


async def test_a_confirmation_is_sent_once_also_under_another_key(serve: Serve, tmp_path: Path) -> None:
    def create(guard: Guard, settings: EmailSettings) -> EmailService:
        return EmailService(guard, settings.model_copy(update={"state_dir": tmp_path}))

    email = EmailServiceStub(await serve("email", create))
    confirmation = SendConfirmationRequest(
        order_id="order-1", to="ada@example.com", total=Money(currency_code="EUR", units=71)
    )

    first = await email.SendConfirmation(confirmation, metadata=[("idempotency-key", "1/send")])
    [letter] = (tmp_path / "outbox").iterdir()
    letter.unlink()
    again = await email.SendConfirmation(confirmation, metadata=[("idempotency-key", "1/again")])

    assert again == first
    assert list((tmp_path / "outbox").iterdir()) == []
