"""Either side, or the broker, dies and comes back: commands complete then, and none arrives twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.journal.outcome import Completed
from orchestrator.testing.conformance.channels.harness import Mark
from orchestrator.testing.conformance.channels.scenario import (
    Held,
    Scenario,
    answering,
    expect_equal,
    reply_of,
    send,
    works_again,
)

if TYPE_CHECKING:
    from orchestrator.testing.conformance.channels.harness import ChannelUnderTest


async def _participant(under_test: ChannelUnderTest) -> None:
    under_test.answer = answering(reply_of("before"))
    channel = under_test.open()
    expect_equal(await send(channel), Completed(reply_of("before")), "a call before")

    await under_test.stop_participant()
    await under_test.start_participant()

    await works_again(under_test, channel)


async def _orchestrator(under_test: ChannelUnderTest) -> None:
    held = Held()
    under_test.answer = held
    first = under_test.open()
    call = asyncio.ensure_future(send(first))
    await held.arrived.wait()
    await first.close()
    await asyncio.gather(call, return_exceptions=True)

    second = under_test.open()
    held.released.set()

    await works_again(under_test, second)


async def _broker(under_test: ChannelUnderTest) -> None:
    under_test.answer = answering(reply_of("before"))
    channel = under_test.open()
    expect_equal(await send(channel), Completed(reply_of("before")), "a call before")

    await under_test.restart_broker()

    await works_again(under_test, channel)


async def _broker_during_a_call(under_test: ChannelUnderTest) -> None:
    held = Held()
    under_test.answer = held
    channel = under_test.open()
    call = asyncio.ensure_future(send(channel))
    await held.arrived.wait()

    await under_test.restart_broker()
    held.released.set()
    under_test.answer = answering(reply_of("late"))

    expect_equal(await call, Completed(reply_of("late")), "the call that was under way")


_BROKER: Final = frozenset({Mark.BROKER})

RESTARTS: Final = (
    Scenario("a participant that was restarted is reached again", _participant),
    Scenario("another channel works while an answer to the first one is under way", _orchestrator),
    Scenario("a broker that was killed and restarted carries commands again", _broker, _BROKER),
    Scenario("a call outlives that the broker is killed during it", _broker_during_a_call, _BROKER),
)
"""The scenarios of this file."""
