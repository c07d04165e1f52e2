"""Orders that tests of the console look at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.channels.grpc.bearer import with_token
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.integration.api.conftest import an_order
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from tests.browser.conftest import Running

DECLINED = "tok_declined"


async def placed(orchestrator: Running, *cards: str) -> list[str]:
    """An order for each of these cards, which has ended; their ids."""
    process = orchestrator.process
    async with process.connect(process.address, with_token(TOKEN)) as channel:
        orders = OrderServiceStub(channel)
        answers = await asyncio.gather(*(orders.StartOrder(an_order(card_token=card, wait=30)) for card in cards))
    return [answer.order.order_id for answer in answers]


async def started(orchestrator: Running, number: int) -> list[str]:
    """So many orders that go on; their ids."""
    process = orchestrator.process
    async with process.connect(process.address, with_token(TOKEN)) as channel:
        orders = OrderServiceStub(channel)
        return [(await orders.StartOrder(an_order(card_token="tok_visa"))).order.order_id for _ in range(number)]
