"""What became of an order after its payment: asked of the service that did it, for no other knows.

The orchestrator tells this of an order that it orchestrates. Of a danced one it knows nothing, so the demo looks at the
letters, and into the warehouse's own database.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc
import grpc.aio

from orchestrator.shop.demo.processes import CHANNEL_OPTIONS
from shop.loyalty.v1.loyalty_pb2 import GetStampsRequest
from shop.loyalty.v1.loyalty_pb2_grpc import LoyaltyServiceStub
from shop.rewards.v1.rewards_pb2 import GetBalanceRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

_SECONDS: Final = 5
_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 30


class Effects(NamedTuple):
    """What was done for an order.

    Attributes:
        letters: confirmations that were sent.
        pick_lists: what the warehouse is to pick.
        points: of its customer, who has no other order.
    """

    letters: int
    pick_lists: int
    points: int


class Done:
    """Asks what was done.

    Args:
        state: the folder of the services' files.
        rewards: where that service listens.
        loyalty: where the loyalty campaign listens.
    """

    def __init__(self, state: Path, rewards: str, loyalty: str) -> None:
        self._state = state
        self._rewards = grpc.aio.insecure_channel(rewards, options=CHANNEL_OPTIONS)
        self._loyalty = grpc.aio.insecure_channel(loyalty, options=CHANNEL_OPTIONS)

    async def close(self) -> None:
        """Close the channels."""
        await self._rewards.close()
        await self._loyalty.close()

    async def effects(self, order_id: str, customer: str) -> Effects:
        """What was done so far."""
        letters = len(list((self._state / "outbox").glob(f"{order_id}.*.eml")))
        return Effects(letters, await asyncio.to_thread(self._pick_lists, order_id), await self.points(customer))

    async def points(self, customer: str) -> int:
        """The points of a member."""
        try:
            stub = RewardsServiceStub(self._rewards)
            answer = await stub.GetBalance(GetBalanceRequest(customer_id=customer), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return 0
            raise
        return int(answer.balance.points)

    async def stamps(self, customer: str) -> int:
        """The stamps of a member."""
        stub = LoyaltyServiceStub(self._loyalty)
        answer = await stub.GetStamps(GetStampsRequest(customer_id=customer), timeout=_SECONDS, wait_for_ready=True)
        return int(answer.stamps)

    def _pick_lists(self, order_id: str) -> int:
        with closing(sqlite3.connect(f"file:{self._state / 'warehouse.db'}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT count(*) FROM pick_lists WHERE order_id = ?", (order_id,))
            return int(rows.fetchone()[0])


async def soon(ask: Callable[[], Awaitable[object]], wanted: object) -> str:
    """Wait until a question has this answer; what is wrong, if it never has."""
    said: object = None
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while (said := await ask()) != wanted:  # noqa: ASYNC110 - another process
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return f"{said} and not {wanted}"
    return ""
