"""What happens in the demo, scene by scene. Each tells what it shows, and which promise was broken, if one was."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.rule import Rule
from rich.text import Text

from orchestrator.cli.output.rendering import current_step, saga_page
from orchestrator.shop.demo.choreography.effects import Effects, soon
from orchestrator.shop.demo.choreography.orders import DANCED, ORCHESTRATED, DemoOrder
from saga.v1.saga_pb2 import STATUS_COMPLETED, STATUS_SUSPENDED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.console import Console

    from orchestrator.shop.demo.choreography.effects import Done
    from orchestrator.shop.demo.choreography.orders import Front
    from orchestrator.shop.demo.choreography.stage import Stage
    from saga.v1.saga_pb2 import Saga

_FLOWING: Final = 6
_BEFORE_LOYALTY: Final = 2
_MISTYPED: Final = "dan..x@shop.example"
"""It passes the check of the order, and no letter can be addressed so."""


@dataclass
class Told:
    """What the scenes leave behind.

    Attributes:
        traces: which traces to draw at the end: a title and a trace id.
        broken: which promises were broken.
    """

    traces: list[tuple[str, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


class Scenes:
    """The scenes, in order.

    Args:
        console: where they are told.
        stage: the processes.
        front: the orchestrator's API.
        done: what the services did.
    """

    def __init__(self, console: Console, stage: Stage, front: Front, done: Done) -> None:
        self._console = console
        self._stage = stage
        self._front = front
        self._done = done
        self._points = 0
        self.told = Told()

    async def play(self) -> None:
        """All of them."""
        await self._both_ways()
        await self._fourth_subscriber()
        await self._subscriber_away()
        await self._subscriber_fails()

    async def _both_ways(self) -> None:
        self._scene("1. The same order, both ways")
        for definition, customer in ((ORCHESTRATED, "ada"), (DANCED, "bob")):
            saga = await self._front.ended(DemoOrder(definition, customer))
            self._expect(f"the order of {customer} is completed", saga.status == STATUS_COMPLETED)
            self._points = self._points or await self._done.points(customer)
            self._expect("an order earns points", self._points > 0)
            await self._expect_effects(saga, customer)
            self._console.print(saga_page(saga))
            self.told.traces.append((f"{customer}: {definition}", saga.trace_id))
        self._say("The first page shows letter, pick list and points; the second ends where the event was told.")

    async def _fourth_subscriber(self) -> None:
        self._scene("2. A fourth subscriber, added while orders flow")
        orders = [DemoOrder(DANCED, "carol") for _ in range(_FLOWING)]
        first = [await self._front.ended(order) for order in orders[:_BEFORE_LOYALTY]]
        flowing = [asyncio.create_task(self._front.ended(order)) for order in orders[_BEFORE_LOYALTY:]]
        self._say("python -m services.loyalty: no saga, no service and no setting of theirs is changed for it")
        await self._stage.add_loyalty()
        sagas = [*first, *await asyncio.gather(*flowing)]
        self._expect("carol's orders are completed", all(saga.status == STATUS_COMPLETED for saga in sagas))
        await self._expect_soon("carol's stamps", partial(self._done.stamps, "carol"), _FLOWING)
        await self._expect_soon("bob's stamps, of an order before the campaign", partial(self._done.stamps, "bob"), 1)
        await self._expect_soon("gifts that were set aside, by a saga that a subscriber started", self._gifts, 2)
        gifts = await self._front.gifts()
        known = {saga.trace_id for saga in sagas}
        self._expect("each gift belongs to the trace of an order", all(gift.trace_id in known for gift in gifts))
        self._say(f"carol: {_FLOWING} orders, {_FLOWING} stamps, 2 full cards, and 2 sagas that set a gift aside")
        if gifts:
            self.told.traces.append(("carol: an order, its stamp, and the gift", gifts[0].trace_id))

    async def _subscriber_away(self) -> None:
        self._scene("3. A subscriber is away")
        self._stage.kill_warehouse()
        self._say("kill -9 of the warehouse")
        danced = await self._front.ended(DemoOrder(DANCED, "erin"))
        self._expect("erin's danced order is completed", danced.status == STATUS_COMPLETED)
        placed = await self._front.place(DemoOrder(ORCHESTRATED, "finn"))
        await self._expect_soon("where finn's orchestrated order is", partial(self._waits_for, placed), "FulfilOrder")
        orchestrated = await self._front.saga(placed)
        self._console.print(saga_page(orchestrated))
        effects = await self._effects(danced.saga_id, "erin")
        self._expect("nothing is picked for erin", not effects.pick_lists)
        self._say(
            "finn's order says that it waits for the warehouse. erin's is completed, and nobody says that nothing is "
            "picked for it"
        )
        await self._stage.restart_warehouse()
        self._say("the warehouse is started again, and both are picked")
        await self._front.at_rest(placed)
        await self._expect_effects(danced, "erin")
        await self._expect_effects(orchestrated, "finn")

    async def _subscriber_fails(self) -> None:
        self._scene("4. A subscriber refuses for good: the address is mistyped, and the order is paid")
        orchestrated = await self._front.ended(DemoOrder(ORCHESTRATED, "gil", _MISTYPED))
        self._expect("gil's orchestrated order waits for an operator", orchestrated.status == STATUS_SUSPENDED)
        self._console.print(saga_page(orchestrated))
        self._say("It stands on the desk: what is missing, why, and what an operator may do.")
        danced = await self._front.ended(DemoOrder(DANCED, "hal", _MISTYPED))
        self._expect("hal's danced order is completed", danced.status == STATUS_COMPLETED)
        await self._expect_soon("dead letters of email", self._dead_letters, 1)
        self._expect("no letter was sent to hal", not (await self._effects(danced.saga_id, "hal")).letters)
        self._say("hal's order is completed. Who asks the email service (services.email dead-letters) finds this:")
        for line in await asyncio.to_thread(self._stage.dead_letters, "email"):
            self._console.print(Text(line), soft_wrap=True)

    async def _expect_effects(self, saga: Saga, customer: str) -> None:
        wanted = Effects(letters=1, pick_lists=1, points=self._points)
        await self._expect_soon(f"the effects for {customer}", partial(self._effects, saga.saga_id, customer), wanted)

    async def _expect_soon(self, what: str, ask: Callable[[], Awaitable[object]], wanted: object) -> None:
        if wrong := await soon(ask, wanted):
            self.told.broken.append(f"{what}: {wrong}")

    def _expect(self, what: str, so_it_is: bool) -> None:
        if not so_it_is:
            self.told.broken.append(f"it is not so that {what}")

    async def _waits_for(self, saga_id: str) -> str:
        """At which rpc a saga is."""
        return current_step((await self._front.saga(saga_id)).steps).rpartition(".")[2]

    async def _dead_letters(self) -> int:
        lines = await asyncio.to_thread(self._stage.dead_letters, "email")
        return sum("OrderPlaced" in line for line in lines)

    async def _gifts(self) -> int:
        return sum(gift.status == STATUS_COMPLETED for gift in await self._front.gifts())

    async def _effects(self, order_id: str, customer: str) -> Effects:
        return await self._done.effects(order_id, customer)

    def _scene(self, title: str) -> None:
        self._console.print(Rule(title, align="left"))

    def _say(self, text: str) -> None:
        self._console.print(Text(text, style="bold yellow"), soft_wrap=True)
