"""The email servicer: it sends confirmations as letters.

A letter leaves inside the transaction that records it. It is recorded first, so that two deliveries of the same
command wait for each other, and committed last, so that a letter that could not be sent is not recorded.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from services.chassis import InvalidRequest, Participant, Rejection, Unavailable, retryable
from services.chassis.guard import Guard
from services.chassis.money import decimal_of
from services.chassis.timestamps import Clock, utc_now
from services.email import domain, store
from services.email.delivery import LetterRefusedError, MailUnavailableError
from services.email.domain import Confirmation
from services.email.settings import EmailSettings
from shop.email.v1.email_pb2 import SendConfirmationRequest, SendConfirmationResponse
from shop.email.v1.email_pb2_grpc import EmailServiceServicer

_RETRY_AFTER: Final = timedelta(seconds=1)


class EmailService(Participant, EmailServiceServicer):
    """Sends customers the confirmations of their orders.

    Args:
        guard: what the methods run behind.
        settings: those of the service.
        clock: the time, aware, with which a letter is dated.
    """

    def __init__(self, guard: Guard, settings: EmailSettings, *, clock: Clock = utc_now) -> None:
        super().__init__(guard, settings)
        self._sender = settings.sender
        self._delivery = settings.delivery()
        self._clock = clock

    @retryable
    def SendConfirmation(self, request: SendConfirmationRequest, connection: Connection) -> SendConfirmationResponse:
        """Send the confirmation of an order, once."""
        confirmation = _confirmation(request)
        at = self._clock()
        message_id = domain.message_id(confirmation.order_id, self._sender)
        if store.keep(connection, confirmation.order_id, message_id, at):
            self._send(confirmation, at)
        else:
            message_id = store.message_id(connection, confirmation.order_id)
        return SendConfirmationResponse(message_id=message_id)

    def _send(self, confirmation: Confirmation, at: datetime) -> None:
        try:
            letter = domain.letter(confirmation, sender=self._sender, sent_at=at)
        except ValueError as error:
            raise InvalidRequest([("to", str(error))]) from error
        try:
            self._delivery.send(letter, domain.file_name(confirmation.order_id))
        except LetterRefusedError as error:
            raise Rejection("LETTER_REFUSED", str(error), metadata={"order_id": confirmation.order_id}) from error
        except MailUnavailableError as error:
            raise Unavailable(str(error), retry_after=_RETRY_AFTER) from error


def _confirmation(request: SendConfirmationRequest) -> Confirmation:
    return Confirmation(
        order_id=request.order_id,
        to=request.to,
        total=decimal_of(request.total, field="total"),
        currency=request.total.currency_code,
        carrier=request.carrier,
        tracking_number=request.tracking_number,
    )
