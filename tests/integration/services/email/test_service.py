from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import grpc
from google.type.money_pb2 import Money

from shop.email.v1.email_pb2 import SendConfirmationRequest

if TYPE_CHECKING:
    import pytest

    from shop.email.v1.email_pb2_grpc import EmailServiceStub
    from tests.integration.services.conftest import Refusal
    from tests.integration.services.email.conftest import Mailbox

CONFIRMATION = SendConfirmationRequest(
    order_id="order-1", to="ada@example.com", total=Money(currency_code="EUR", units=71)
)
KEY = [("idempotency-key", "1/send")]


async def test_a_letter_is_sent_once_for_many_requests(email: EmailServiceStub, mailbox: Mailbox) -> None:
    first = await email.SendConfirmation(CONFIRMATION, metadata=KEY)
    second = await email.SendConfirmation(CONFIRMATION, metadata=KEY)

    [letter] = mailbox.letters
    assert first == second
    assert letter["Message-ID"] == first.message_id
    assert letter["Date"] == "Fri, 17 May 2030 12:00:00 +0000"


async def test_a_missing_mailbox_is_a_definite_refusal_that_does_not_name_the_mailbox(
    email: EmailServiceStub, mailbox: Mailbox, refusal: Refusal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mailbox.to_recipient = "550 No such user"
    code, info = await refusal(email.SendConfirmation(CONFIRMATION, metadata=KEY))

    assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LETTER_REFUSED")
    assert CONFIRMATION.to not in str(info)
    assert CONFIRMATION.to not in "".join(record.getMessage() for record in caplog.records if record.name != "mail.log")


async def test_a_busy_mail_server_gets_the_same_letter_later(
    email: EmailServiceStub, mailbox: Mailbox, refusal: Refusal
) -> None:
    mailbox.to_letter = "451 Try again"
    code, retry = await refusal(email.SendConfirmation(CONFIRMATION, metadata=KEY))
    mailbox.to_letter = "250 OK"
    reply = await email.SendConfirmation(CONFIRMATION, metadata=KEY)

    assert (code, retry.retry_delay.seconds) == (grpc.StatusCode.UNAVAILABLE, 1)
    assert [letter["Message-ID"] for letter in mailbox.letters] == [reply.message_id]
