"""The payment servicer: it authorises, voids, captures and shows payments."""

from typing import Final
from uuid import uuid4

from sqlalchemy import Connection

from services.chassis import Participant, Settings, command, compensation, query
from services.chassis.guard import Guard
from services.chassis.money import money_of, nanos_of
from services.chassis.timestamps import Clock, timestamp_of, utc_now
from services.payment import domain, store
from services.payment.cards import CardNetwork, over_the_card_network
from shop.payment.v1.payment_pb2 import (
    PAYMENT_STATE_AUTHORIZED,
    PAYMENT_STATE_CAPTURED,
    PAYMENT_STATE_VOIDED,
    AuthorizePaymentRequest,
    AuthorizePaymentResponse,
    CapturePaymentRequest,
    CapturePaymentResponse,
    GetPaymentRequest,
    GetPaymentResponse,
    LedgerEntry,
    Payment,
    VoidAuthorizationRequest,
    VoidAuthorizationResponse,
)
from shop.payment.v1.payment_pb2_grpc import PaymentServiceServicer

_SHOWN_STATES: Final = {
    domain.State.AUTHORIZED: PAYMENT_STATE_AUTHORIZED,
    domain.State.CAPTURED: PAYMENT_STATE_CAPTURED,
    domain.State.VOIDED: PAYMENT_STATE_VOIDED,
}


class PaymentService(Participant, PaymentServiceServicer):
    """Authorises, captures and voids card payments."""

    def __init__(self, guard: Guard, settings: Settings, *, clock: Clock = utc_now) -> None:
        super().__init__(guard, settings)
        self.network = CardNetwork()
        self._clock = clock

    @over_the_card_network
    @command
    def AuthorizePayment(self, request: AuthorizePaymentRequest, connection: Connection) -> AuthorizePaymentResponse:
        """Put a hold on the card."""
        amount = domain.chargeable(nanos_of(request.amount))
        domain.refuse_card(request.card_token)
        payment = domain.Payment(
            payment_id=f"pay_{uuid4().hex}",
            order_id=request.order_id,
            customer_id=request.customer_id,
            state=domain.State.AUTHORIZED,
            amount=amount,
            authorized_at=self._clock(),
        )
        store.open_payment(connection, payment, domain.authorize(payment))
        self.network.hold_taken(request)
        return AuthorizePaymentResponse(payment_id=payment.payment_id)

    @compensation
    def VoidAuthorization(self, request: VoidAuthorizationRequest, connection: Connection) -> VoidAuthorizationResponse:
        """Lift the hold of an order; do nothing where there is none."""
        payment = store.find_locked(connection, request.order_id)
        if payment is not None:
            voided, bookings = domain.void(payment)
            if bookings:
                store.change_payment(connection, voided, bookings, self._clock())
        return VoidAuthorizationResponse()

    @command
    def CapturePayment(self, request: CapturePaymentRequest, connection: Connection) -> CapturePaymentResponse:
        """Take the money that is on hold."""
        amount = domain.chargeable(nanos_of(request.amount))
        payment = domain.known(request.order_id, store.find_locked(connection, request.order_id))
        captured, bookings = domain.capture(payment, amount)
        store.change_payment(connection, captured, bookings, self._clock())
        return CapturePaymentResponse(payment_id=captured.payment_id)

    @query
    def GetPayment(self, request: GetPaymentRequest, connection: Connection) -> GetPaymentResponse:
        """Show the payment of an order, with its bookings in the ledger."""
        payment = domain.known(request.order_id, store.find(connection, request.order_id))
        return GetPaymentResponse(
            payment=Payment(
                payment_id=payment.payment_id,
                order_id=payment.order_id,
                state=_SHOWN_STATES[payment.state],
                amount=money_of(payment.amount),
                authorized_at=timestamp_of(payment.authorized_at),
            ),
            entries=[
                LedgerEntry(account=account, amount=money_of(amount), booked_at=timestamp_of(booked.booked_at))
                for booked in store.ledger_of(connection, payment.payment_id)
                for account, amount in booked.booking.entries()
            ],
            payment_id=payment.payment_id,
        )
