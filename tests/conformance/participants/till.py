"""A payment service in a few statements of SQL, whatever runs them: what it decides is the same before every guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.rpc import code_pb2, error_details_pb2, status_pb2

from orchestrator.participant import Kind, Rejection
from orchestrator.testing.samples import violations
from shop.payment.v1 import payment_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Execute = Callable[[str, dict[str, object]], Awaitable[list[tuple[Any, ...]]]]

SERVICE: Final = "shop.payment.v1.PaymentService"
KINDS: Final = {
    SERVICE: {
        "AuthorizePayment": Kind.COMMAND,
        "VoidAuthorization": Kind.COMPENSATION,
        "CapturePayment": Kind.COMMAND,
        "GetPayment": Kind.QUERY,
    }
}
TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS payments (order_id VARCHAR(100) PRIMARY KEY, state INTEGER NOT NULL, units BIGINT)"
)


async def authorize_payment(execute: Execute, request: pb.AuthorizePaymentRequest) -> pb.AuthorizePaymentResponse:
    await execute(
        "INSERT INTO payments (order_id, state, units) VALUES (:order, :state, :units)",
        {"order": request.order_id, "state": pb.PAYMENT_STATE_AUTHORIZED, "units": request.amount.units},
    )
    # After the statement, so that the guard has something to take back.
    if request.card_token == "tok_declined":
        raise Rejection("CARD_DECLINED", "the card was declined", metadata={"order_id": request.order_id})
    return pb.AuthorizePaymentResponse(payment_id=f"P-{request.order_id}")


async def void_authorization(execute: Execute, request: pb.VoidAuthorizationRequest) -> pb.VoidAuthorizationResponse:
    await _move(execute, request.order_id, pb.PAYMENT_STATE_VOIDED)
    return pb.VoidAuthorizationResponse()


async def capture_payment(execute: Execute, request: pb.CapturePaymentRequest) -> pb.CapturePaymentResponse:
    state, units = await _payment(execute, request.order_id)
    if state != pb.PAYMENT_STATE_AUTHORIZED or request.amount.units > units:
        raise Rejection("NOT_ON_HOLD", "so much is not on hold")
    await _move(execute, request.order_id, pb.PAYMENT_STATE_CAPTURED)
    return pb.CapturePaymentResponse(payment_id=f"P-{request.order_id}")


async def get_payment(execute: Execute, request: pb.GetPaymentRequest) -> pb.GetPaymentResponse:
    state, _ = await _payment(execute, request.order_id)
    payment = pb.Payment(order_id=request.order_id, state=state)
    return pb.GetPaymentResponse(payment=payment, payment_id=f"P-{request.order_id}")


async def _payment(execute: Execute, order_id: str) -> tuple[Any, int]:
    for state, units in await execute("SELECT state, units FROM payments WHERE order_id = :order", {"order": order_id}):
        return state, units
    raise Rejection("NO_SUCH_PAYMENT", "no payment of this order", code="NOT_FOUND")


async def _move(execute: Execute, order_id: str, state: int) -> None:
    await execute("UPDATE payments SET state = :state WHERE order_id = :order", {"state": state, "order": order_id})


def validated(request: Any) -> Any:  # noqa: ANN401 - of any request; google.rpc ships no types
    """The status that refuses a request which breaks its contract; ``None`` for a good one."""
    wrong = violations(request)
    if not wrong:
        return None
    fields = [error_details_pb2.BadRequest.FieldViolation(field=field, description=said) for field, said in wrong]
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="invalid")
    status.details.add().Pack(error_details_pb2.BadRequest(field_violations=fields))
    return status
