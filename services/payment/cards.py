"""Test cards that make the card network fail, so that everybody can watch a saga handle it.

| token              | the first attempt                          | a repeated one     |
|--------------------|--------------------------------------------|--------------------|
| ``tok_slow``       | takes the hold, answers after the deadline | the recorded reply |
| ``tok_lost_reply`` | takes the hold, breaks off the answer      | the recorded reply |
| ``tok_fails_once`` | is unavailable before anything was done    | takes the hold     |

The process remembers which orders had their first attempt, for these cards only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import wraps
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import grpc.aio

from saga.v1.contract_pb2 import command as command_option
from services.chassis.errors import Unavailable
from shop.payment.v1.payment_pb2 import DESCRIPTOR, AuthorizePaymentRequest, AuthorizePaymentResponse

SLOW: Final = "tok_slow"
LOST_REPLY: Final = "tok_lost_reply"
FAILS_ONCE: Final = "tok_fails_once"

_PAST_THE_DEADLINE: Final = timedelta(milliseconds=500)


class CardNetwork:
    """The network between this service and the cards, with its failures."""

    def __init__(self) -> None:
        self._failed_once: set[str] = set()
        self._held_now: set[str] = set()

    def hold_taken(self, request: AuthorizePaymentRequest) -> None:
        """A hold was taken by this very attempt, not answered from a record."""
        if request.card_token in {SLOW, LOST_REPLY}:
            self._held_now.add(request.order_id)

    def before(self, request: AuthorizePaymentRequest) -> None:
        """Fail, or not, on the way to the network.

        Raises:
            Unavailable: the first attempt of ``tok_fails_once``.
        """
        self._held_now.discard(request.order_id)
        if request.card_token == FAILS_ONCE and request.order_id not in self._failed_once:
            self._failed_once.add(request.order_id)
            raise Unavailable("the card network is not available")

    async def after(self, request: AuthorizePaymentRequest) -> None:
        """Fail, or not, on the way back.

        Raises:
            Unavailable: the first answer of ``tok_lost_reply``.
        """
        if request.order_id not in self._held_now:
            return
        self._held_now.discard(request.order_id)
        if request.card_token == SLOW:
            await asyncio.sleep((_deadline() + _PAST_THE_DEADLINE).total_seconds())
        else:
            raise Unavailable("the connection to the card network broke")


class HasCardNetwork(Protocol):
    """A servicer that reaches cards."""

    network: CardNetwork


ServicerT = TypeVar("ServicerT", bound=HasCardNetwork)
Context: TypeAlias = grpc.aio.ServicerContext[AuthorizePaymentRequest, Awaitable[AuthorizePaymentResponse]]
Method: TypeAlias = Callable[
    [ServicerT, AuthorizePaymentRequest, Context], Coroutine[Any, Any, AuthorizePaymentResponse]
]


def over_the_card_network(method: Method[ServicerT]) -> Method[ServicerT]:
    """Put the network's failures around a guarded method."""

    @wraps(method)
    async def troubled(self: ServicerT, request: AuthorizePaymentRequest, context: Context) -> AuthorizePaymentResponse:
        self.network.before(request)
        reply = await method(self, request, context)
        await self.network.after(request)
        return reply

    return troubled


def _deadline() -> timedelta:
    """How long an attempt may take, as the contract says."""
    method = DESCRIPTOR.services_by_name["PaymentService"].methods_by_name["AuthorizePayment"]
    return method.GetOptions().Extensions[command_option].timeout.ToTimedelta()
