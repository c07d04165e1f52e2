"""The email servicer: it sends confirmations as letters, when it is asked to, or when it hears of an order.

A letter leaves inside the transaction that records it. It is recorded first, so that two deliveries of the same
command wait for each other, and committed last, so that a letter that could not be sent is not recorded.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from services.chassis import InvalidRequest, Participant, Rejection, Unavailable, command, compensation, retryable
from services.chassis.events import subscribes
from services.chassis.guard import Guard
from services.chassis.money import decimal_of
from services.chassis.timestamps import Clock, utc_now
from services.email import domain, store
from services.email.delivery import LetterRefusedError, MailUnavailableError
from services.email.domain import Confirmation
from services.email.settings import EmailSettings
from shop.email.v1.email_pb2 import (
    ForgetAddressRequest,
    ForgetAddressResponse,
    KeepAddressRequest,
    KeepAddressResponse,
    SendConfirmationRequest,
    SendConfirmationResponse,
)
from shop.email.v1.email_pb2_grpc import EmailServiceServicer
from shop.order.v1.events_pb2 import OrderPlaced

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
        return SendConfirmationResponse(message_id=self._confirm(_confirmation(request), connection))

    @command
    def KeepAddress(self, request: KeepAddressRequest, connection: Connection) -> KeepAddressResponse:
        """Keep where the confirmation of an order goes, until it is sent."""
        store.keep_address(connection, request.order_id, request.to)
        return KeepAddressResponse()

    @compensation
    def ForgetAddress(self, request: ForgetAddressRequest, connection: Connection) -> ForgetAddressResponse:
        """Forget it; does nothing where it is not kept."""
        store.forget_address(connection, request.order_id)
        return ForgetAddressResponse()

    @subscribes
    def confirm_order(self, placed: OrderPlaced, connection: Connection) -> None:
        """Send the confirmation of an order that was placed, to the address that was kept for it."""
        to = store.address(connection, placed.order_id)
        if to is None:
            raise Rejection("NO_ADDRESS", f"no address is kept for order {placed.order_id}")
        self._confirm(_confirmation_of(placed, to), connection)
        store.forget_address(connection, placed.order_id)

    def _confirm(self, confirmation: Confirmation, connection: Connection) -> str:
        """Send a letter, unless it was sent before; its Message-ID."""
        at = self._clock()
        message_id = domain.message_id(confirmation.order_id, self._sender)
        if not store.keep(connection, confirmation.order_id, message_id, at):
            return store.message_id(connection, confirmation.order_id)
        self._send(confirmation, at)
        return message_id

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


def _confirmation_of(placed: OrderPlaced, to: str) -> Confirmation:
    return Confirmation(
        order_id=placed.order_id,
        to=to,
        total=decimal_of(placed.total, field="total"),
        currency=placed.total.currency_code,
        carrier=placed.carrier,
        tracking_number=placed.tracking_number,
    )
