"""Participants written by hand over a guard in memory that echoes keys; sound unless a test gives them a flaw."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from orchestrator.testing.samples import violations
from shop.inventory.v1 import inventory_pb2 as inventory
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceServicer, add_InventoryServiceServicer_to_server
from shop.payment.v1 import payment_pb2 as payment
from shop.payment.v1.payment_pb2_grpc import PaymentServiceServicer, add_PaymentServiceServicer_to_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Echo = tuple[tuple[str, str], ...]

UNDOES_NOTHING: Final = "records its compensation and undoes nothing"
UNDOES_HALF: Final = "undoes half of it"
UNDOES_TWICE: Final = "undoes once more when it is asked twice"
ANY_COMPENSATION: Final = "any compensation with a known key"
VERIFY_SAYS_NO: Final = "says no of what took effect"
VERIFY_SAYS_YES: Final = "says yes of what did not take effect"
BARE_NOT_FOUND: Final = "says no without a reason"
VERIFY_FORGETS: Final = "keeps in memory what it says of keys"
WRONG_ECHO: Final = "echoes another key"
ECHOES_MALFORMED: Final = "echoes on requests that are malformed"
ECHOES_REUSED: Final = "echoes on keys of other requests"
SILENT_REFUSALS: Final = "echoes on replies alone"

ORDERED: Final = 4


class Guard:
    """What is known of keys, and the answers that follow from it."""

    def __init__(self, flaw: str) -> None:
        self.flaw = flaw
        self.replies: dict[str, tuple[bytes, Any]] = {}
        self.compensated: set[str] = set()
        self.told: set[str] = set()

    async def command(self, request: Any, context: Any, business: Callable[[], Any]) -> Any:  # noqa: ANN401
        await self._refuse_invalid(request, context)
        key = dict(context.invocation_metadata())["idempotency-key"]
        if key in self.compensated:
            echo = () if self.flaw == SILENT_REFUSALS else self._echo(key)
            await refuse(context, "FAILED_PRECONDITION", "COMMAND_COMPENSATED", echo)
        reply = await self._recorded(key, request, context) or business()
        return self._record(key, request, reply, context)

    async def compensation(self, request: Any, context: Any, undo: Callable[[], None], reply: Any) -> Any:  # noqa: ANN401
        await self._refuse_invalid(request, context)
        metadata = dict(context.invocation_metadata())
        key, compensates = metadata["idempotency-key"], metadata["compensates"]
        known = self.flaw != ANY_COMPENSATION and await self._recorded(key, request, context)
        is_first = compensates not in self.compensated
        self.compensated.add(compensates)
        if compensates in self.replies and (is_first or self.flaw == UNDOES_TWICE) and self.flaw != UNDOES_NOTHING:
            undo()
        return self._record(key, request, known or reply, context)

    async def verify(self, context: Any) -> None:  # noqa: ANN401
        """Refuse a query about a command that did not take effect."""
        key = dict(context.invocation_metadata()).get("verifies")
        if key is None or self.flaw == VERIFY_SAYS_YES:
            return
        took_effect = key in (self.told if self.flaw == VERIFY_FORGETS else self.replies)
        if not took_effect or self.flaw == VERIFY_SAYS_NO:
            await refuse(context, "NOT_FOUND", "" if self.flaw == BARE_NOT_FOUND else "COMMAND_NOT_SEEN")

    async def _recorded(self, key: str, request: Any, context: Any) -> Any:  # noqa: ANN401
        known, reply = self.replies.get(key, (b"", None))
        if reply is not None and known != request.SerializeToString(deterministic=True):
            echo = self._echo(key) if self.flaw == ECHOES_REUSED else ()
            await refuse(context, "FAILED_PRECONDITION", "IDEMPOTENCY_KEY_REUSED", echo)
        return reply

    def _record(self, key: str, request: Any, reply: Any, context: Any) -> Any:  # noqa: ANN401
        self.replies[key] = (request.SerializeToString(deterministic=True), reply)
        self.told.add(key)
        context.set_trailing_metadata(self._echo(key))
        return reply

    def _echo(self, key: str) -> Echo:
        return (("idempotency-key", f"{key}-or-another" if self.flaw == WRONG_ECHO else key),)

    async def _refuse_invalid(self, request: Any, context: Any) -> None:  # noqa: ANN401
        if wrong := violations(request):
            echoes = self.flaw == ECHOES_MALFORMED
            echo = self._echo(dict(context.invocation_metadata())["idempotency-key"]) if echoes else ()
            fields = [error_details_pb2.BadRequest.FieldViolation(field=field) for field, _ in wrong]
            await abort(context, "INVALID_ARGUMENT", [error_details_pb2.BadRequest(field_violations=fields)], echo)


async def refuse(context: Any, code: str, reason: str, echo: Echo = ()) -> None:  # noqa: ANN401
    await abort(context, code, [error_details_pb2.ErrorInfo(reason=reason)] if reason else [], echo)


async def abort(context: Any, code: str, details: list[Any], echo: Echo) -> None:  # noqa: ANN401
    status = status_pb2.Status(code=code_pb2.Code.Value(code), message=code.lower())
    for detail in details:
        status.details.add().Pack(detail)
    plain = rpc_status.to_status(status)
    await context.abort(plain.code, plain.details, (*plain.trailing_metadata, *echo))


class Teller(PaymentServiceServicer):
    """Keeps payments in memory, and answers a verify query."""

    def __init__(self, flaw: str = "") -> None:
        self.guard = Guard(flaw)
        self.payments: dict[str, payment.Payment] = {}

    def restart(self) -> None:
        self.guard.told.clear()

    async def AuthorizePayment(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        def business() -> payment.AuthorizePaymentResponse:
            self._book(request, payment.PAYMENT_STATE_AUTHORIZED)
            return payment.AuthorizePaymentResponse(payment_id=f"P-{request.order_id}")

        return await self.guard.command(request, context, business)

    async def VoidAuthorization(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        def undo() -> None:
            self._book(request, payment.PAYMENT_STATE_VOIDED)

        return await self.guard.compensation(request, context, undo, payment.VoidAuthorizationResponse())

    async def CapturePayment(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        def business() -> payment.CapturePaymentResponse:
            self._book(request, payment.PAYMENT_STATE_CAPTURED)
            return payment.CapturePaymentResponse(payment_id=f"P-{request.order_id}")

        return await self.guard.command(request, context, business)

    async def GetPayment(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        await self.guard._refuse_invalid(request, context)
        await self.guard.verify(context)
        if request.order_id not in self.payments:
            await refuse(context, "NOT_FOUND", "NO_SUCH_PAYMENT")
        return payment.GetPaymentResponse(payment=self.payments[request.order_id])

    def _book(self, request: Any, state: payment.PaymentState.ValueType) -> None:  # noqa: ANN401
        self.payments[request.order_id] = payment.Payment(order_id=request.order_id, state=state)


class Storekeeper(InventoryServiceServicer):
    """Keeps one sort of goods in memory, and shows how much of it there is."""

    def __init__(self, flaw: str = "") -> None:
        self.guard = Guard(flaw)
        self.available = 10_000
        self.reserved = 0

    async def ReserveStock(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        def business() -> inventory.ReserveStockResponse:
            self._move(ORDERED)
            return inventory.ReserveStockResponse(lines=[inventory.ReservedLine(sku="MUG", quantity=ORDERED, bin="A")])

        return await self.guard.command(request, context, business)

    async def ReleaseStock(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        def undo() -> None:
            self._move(-ORDERED // 2 if self.guard.flaw == UNDOES_HALF else -ORDERED)

        return await self.guard.compensation(request, context, undo, inventory.ReleaseStockResponse())

    async def GetStock(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        await self.guard._refuse_invalid(request, context)
        return inventory.GetStockResponse(sku=request.sku, available=self.available, reserved=self.reserved)

    def _move(self, quantity: int) -> None:
        self.available -= quantity
        self.reserved += quantity


@asynccontextmanager
async def serving(participant: Teller | Storekeeper) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    if isinstance(participant, Teller):
        add_PaymentServiceServicer_to_server(participant, server)
    else:
        add_InventoryServiceServicer_to_server(participant, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)
