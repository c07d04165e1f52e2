"""One thing that a channel must do, and what is needed to say so: a stage with one channel, and scripted answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.outcome import Completed, Unknown
from orchestrator.testing.conformance.channels.harness import COMMAND, Mark
from shop.inventory.v1.inventory_pb2 import ReservedLine, ReserveStockRequest, ReserveStockResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Channel
    from orchestrator.testing.conformance.channels.harness import (
        Answer,
        Arrived,
        ChannelUnderTest,
        OpenChannel,
        Refusal,
    )

PATIENCE_SECONDS: Final = 30.0
"""How long a scenario waits for what must come. Nothing is measured against it."""
_MOST_SECONDS: Final = 2 * PATIENCE_SECONDS
KEY: Final = "order-1/InventoryService.ReserveStock#1"
METADATA: Final = (("idempotency-key", KEY), ("saga-id", "order-1"))


class Scenario(NamedTuple):
    """One thing that a channel must do.

    Attributes:
        name: as a sentence.
        run: does it, and raises AssertionError where the channel does something else.
        needs: what a channel may lack.
    """

    name: str
    run: Callable[[ChannelUnderTest], Awaitable[None]]
    needs: frozenset[Mark] = frozenset()


class LacksMark(Exception):
    """A scenario was not run, because the channel says that it lacks what the scenario is about."""


async def run_scenario(scenario: Scenario, open_channel: OpenChannel, lacks: Collection[Mark] = ()) -> None:
    """Run one scenario on one channel.

    Args:
        scenario: one of ``SCENARIOS``.
        open_channel: opens the channel and its participant.
        lacks: what the channel cannot do.

    Raises:
        AssertionError: the channel does not do what every channel must do.
        TimeoutError: something that must come does not come.
        LacksMark: the channel says that it lacks what the scenario is about.
    """
    if missing := scenario.needs.intersection(lacks):
        raise LacksMark("; ".join(sorted(f"no channel that {mark.value}" for mark in missing)))
    async with open_channel() as channel, asyncio.timeout(_MOST_SECONDS):
        await scenario.run(channel)


def request_of(text: str) -> bytes:
    """A serialized request that holds this text."""
    return ReserveStockRequest(order_id=text).SerializeToString()


def text_of(request: bytes) -> str:
    """The text that a request holds."""
    return ReserveStockRequest.FromString(request).order_id


def reply_of(text: str) -> bytes:
    """A serialized reply that holds this text."""
    return ReserveStockResponse(lines=[ReservedLine(sku=text)]).SerializeToString() if text else b""


def request_of_size(size: int) -> bytes:
    """A request of so many bytes; more than 20,000 and less than 2,000,000."""
    return request_of("x" * (size - len(request_of("x" * 20_000)) + 20_000))


def reply_of_size(size: int) -> bytes:
    """A reply of so many bytes; more than 20,000 and less than 2,000,000."""
    return reply_of("x" * (size - len(reply_of("x" * 20_000)) + 20_000))


async def send(
    channel: Channel,
    request: bytes = request_of("request"),
    *,
    metadata: tuple[tuple[str, str], ...] = METADATA,
    timeout: float = PATIENCE_SECONDS,  # noqa: ASYNC109 - the deadline travels with the call
) -> Outcome:
    """Make one attempt."""
    return await channel.caller(COMMAND)(request, metadata, timeout)


def answering(answer: bytes | Refusal, arrived: list[Arrived] | None = None) -> Answer:
    """The participant answers every command so; what arrives is added to the list."""

    async def answers(each: Arrived) -> bytes | Refusal:
        if arrived is not None:
            arrived.append(each)
        return answer

    return answers


class Held:
    """A participant that answers nothing until it is released.

    Args:
        takes_effect_first: commands take effect when they arrive, and not when they are answered.

    Attributes:
        effects: the texts of the requests that took effect.
        arrived: a command is there.
        released: set it, and every command is answered.
    """

    def __init__(self, *, takes_effect_first: bool = True) -> None:
        self.effects: list[str] = []
        self.arrived = asyncio.Event()
        self.released = asyncio.Event()
        self._first = takes_effect_first

    async def __call__(self, arrived: Arrived) -> bytes:
        """See ``Answer``."""
        if self._first:
            self.effects.append(text_of(arrived.request))
        self.arrived.set()
        await self.released.wait()
        if not self._first:
            self.effects.append(text_of(arrived.request))
        return reply_of("late")


async def works_again(under_test: ChannelUnderTest, channel: Channel) -> None:
    """Calls complete, if not the very next one: it may still meet the connection that has just broken."""
    under_test.answer = answering(reply_of("again"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (outcome := await send(channel)) != Completed(reply_of("again")):
            expect(isinstance(outcome, Unknown), f"a call after the trouble is unknown or completes, not {outcome}")


def expect(so: bool, what: str) -> None:
    """Check that something is so.

    Raises:
        AssertionError: it is not.
    """
    if not so:
        raise AssertionError(what)


def expect_equal(seen: object, expected: object, what: str) -> None:
    """Check that something is what it must be.

    Raises:
        AssertionError: it is something else.
    """
    expect(seen == expected, f"{what}: expected {expected!r}, seen {seen!r}")
