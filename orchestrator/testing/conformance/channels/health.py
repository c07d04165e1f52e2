"""Whether a participant serves is what it says itself; who says nothing of it may serve."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.testing.conformance.channels.harness import SERVICE, Health, Mark
from orchestrator.testing.conformance.channels.scenario import PATIENCE_SECONDS, Scenario, expect_equal

if TYPE_CHECKING:
    from orchestrator.ports.channel import Channel
    from orchestrator.testing.conformance.channels.harness import ChannelUnderTest


async def _told_health(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for health, serves in ((Health.SERVING, True), (Health.NOT_SERVING, False), (Health.SERVING, True)):
        under_test.health = health
        expect_equal(await channel.is_serving(SERVICE.full_name), serves, f"what is heard of {health.name}")


async def _untold_health(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    under_test.health = Health.UNTOLD
    expect_equal(await channel.is_serving(SERVICE.full_name), None, "what is heard of a participant that tells nothing")
    under_test.health = Health.SERVING
    other = await channel.is_serving("shop.ferry.v1.FerryService")
    expect_equal(other, None, "what is heard of a service that is not there")


async def _health_of_nobody(under_test: ChannelUnderTest) -> None:
    channel = under_test.open_to_nobody()
    expect_equal(await channel.is_serving(SERVICE.full_name), False, "what is heard where nobody is")


async def _health_after_a_restart(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    await _comes_to_serve(channel, serves=True)
    await under_test.stop_participant()
    await _comes_to_serve(channel, serves=False)
    await under_test.start_participant()
    await _comes_to_serve(channel, serves=True)


async def _comes_to_serve(channel: Channel, *, serves: bool) -> None:
    # A connection that has just broken may have to be found out first.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await channel.is_serving(SERVICE.full_name) is not serves:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


HEALTH: Final = (
    Scenario("a participant serves if it says so now", _told_health),
    Scenario("a participant that tells nothing may serve", _untold_health),
    Scenario("where nobody is, nobody serves", _health_of_nobody),
    Scenario(
        "a participant that dies serves no more, until it is back",
        _health_after_a_restart,
        frozenset({Mark.PRESENCE}),
    ),
)
"""The scenarios of this file."""
