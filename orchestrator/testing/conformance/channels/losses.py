"""A call whose answer does not come is unknown, whether it took effect or not, and the channel goes on working."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Rejected, Unknown
from orchestrator.testing.conformance.channels.harness import Mark
from orchestrator.testing.conformance.channels.scenario import (
    Held,
    Scenario,
    answering,
    expect,
    expect_equal,
    reply_of,
    reply_of_size,
    request_of,
    request_of_size,
    send,
    text_of,
    works_again,
)

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Outcome
    from orchestrator.testing.conformance.channels.harness import Arrived, ChannelUnderTest

_LIMIT: Final = 100_000
_SHORT_SECONDS: Final = 0.1


async def _timeout(under_test: ChannelUnderTest, *, takes_effect_first: bool) -> None:
    held = Held(takes_effect_first=takes_effect_first)
    under_test.answer = held
    channel, timeout = under_test.open(), _SHORT_SECONDS

    outcome = await send(channel, timeout=timeout)
    while not held.arrived.is_set():  # a slow machine may take longer to bring it there
        timeout *= 2
        outcome = await send(channel, timeout=timeout)

    expect(isinstance(outcome, Unknown) and not outcome.final, f"a timeout is unknown, not {outcome}")
    assert isinstance(outcome, Unknown)
    expect_equal(outcome.failure.code, StatusCode.DEADLINE_EXCEEDED, "its code")
    held.released.set()
    await works_again(under_test, channel)


async def _late_reply(under_test: ChannelUnderTest) -> None:
    held = Held()
    under_test.answer = held
    channel = under_test.open()
    call = asyncio.ensure_future(send(channel, request_of("first")))
    await held.arrived.wait()

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    under_test.answer = answering(reply_of("second"))
    second = asyncio.ensure_future(send(channel, request_of("second")))
    held.released.set()

    expect_equal(await second, Completed(reply_of("second")), "the outcome of the call after the one that was given up")
    expect_equal(held.effects, ["first"], "what took effect before it")


async def _repeated_replies(under_test: ChannelUnderTest) -> None:
    async def answer(arrived: Arrived) -> bytes:
        return reply_of(f"to {text_of(arrived.request)}")

    under_test.answer = answer
    under_test.repeat_replies()
    channel = under_test.open()
    for number in range(10):
        outcome = await send(channel, request_of(str(number)))
        expect_equal(outcome, Completed(reply_of(f"to {number}")), "an answer among those that come twice")


async def _broken_connection(under_test: ChannelUnderTest, *, takes_effect_first: bool) -> None:
    held = Held(takes_effect_first=takes_effect_first)
    under_test.answer = held
    channel = under_test.open()
    call = asyncio.ensure_future(send(channel))
    await held.arrived.wait()

    under_test.cut()

    _expect_unknown(await call, StatusCode.UNAVAILABLE)
    held.released.set()
    await works_again(under_test, channel)


async def _nobody(under_test: ChannelUnderTest) -> None:
    _expect_unknown(await send(under_test.open_to_nobody()), StatusCode.UNAVAILABLE)


async def _closed(under_test: ChannelUnderTest) -> None:
    held = Held()
    under_test.answer = held
    channel = under_test.open()
    call = asyncio.ensure_future(send(channel))
    await held.arrived.wait()

    await channel.close()
    outcome = await call

    held.released.set()
    _expect_unknown(outcome, StatusCode.CANCELLED)


async def _cancelled(under_test: ChannelUnderTest) -> None:
    held = Held()
    under_test.answer = held
    channel = under_test.open()
    call = asyncio.ensure_future(send(channel))
    await held.arrived.wait()

    call.cancel()
    (told,) = await asyncio.gather(call, return_exceptions=True)

    held.released.set()
    expect(isinstance(told, asyncio.CancelledError), f"who is cancelled is told so, and not {told!r}")
    await works_again(under_test, channel)


async def _large_requests(under_test: ChannelUnderTest, *, sizes: tuple[int, int]) -> None:
    most, more = sizes
    arrived: list[Arrived] = []
    under_test.answer = answering(reply_of("done"), arrived)
    channel = under_test.open(_LIMIT)

    expect_equal(await send(channel, request_of_size(most)), Completed(reply_of("done")), f"a request of {most} bytes")
    outcome = await send(channel, request_of_size(more))

    expect(isinstance(outcome, Rejected), f"a request of {more} bytes is refused, not {outcome}")
    assert isinstance(outcome, Rejected)
    seen = (outcome.failure.code, outcome.failure.reason, outcome.echoed)
    expect_equal(seen, (StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", False), "the refusal")
    expect("it was not sent" in outcome.failure.message, f"it says that it was not sent: {outcome.failure.message}")
    expect_equal(len(arrived), 1, "how many requests arrived")


async def _large_replies(under_test: ChannelUnderTest, *, sizes: tuple[int, int]) -> None:
    most, more = sizes

    async def answer(arrived: Arrived) -> bytes:
        return reply_of_size(int(text_of(arrived.request)))

    under_test.answer = answer
    channel = under_test.open(_LIMIT)

    outcome = await send(channel, request_of(str(most)))
    expect(outcome == Completed(reply_of_size(most)), f"a reply of {most} bytes comes through")
    outcome = await send(channel, request_of(str(more)))

    _expect_unknown(outcome, StatusCode.RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE", final=True)
    await works_again(under_test, channel)


def _expect_unknown(outcome: Outcome, code: StatusCode, reason: str = "", *, final: bool = False) -> None:
    expect(isinstance(outcome, Unknown), f"what is not answered is unknown, not {str(outcome)[:500]}")
    assert isinstance(outcome, Unknown)
    seen = (outcome.failure.code, outcome.failure.reason, outcome.final)
    expect_equal(seen, (code, reason, final), "code, reason, and whether another attempt will tell no more")


_PROMPT: Final = frozenset({Mark.PROMPT})
_CONNECTION: Final = frozenset({Mark.CONNECTION})
_EXACT: Final = _LIMIT, _LIMIT + 1
# Where a message is written in another form, its size is another one, too.
_ROUGH: Final = _LIMIT // 2, _LIMIT * 2

LOSSES: Final = (
    Scenario("a timeout before the effect is unknown", partial(_timeout, takes_effect_first=False), _PROMPT),
    Scenario("a timeout after the effect is unknown", partial(_timeout, takes_effect_first=True), _PROMPT),
    Scenario(
        "a connection that breaks before the effect makes the call unknown",
        partial(_broken_connection, takes_effect_first=False),
        _CONNECTION,
    ),
    Scenario(
        "a connection that breaks after the effect makes the call unknown",
        partial(_broken_connection, takes_effect_first=True),
        _CONNECTION,
    ),
    Scenario("where nobody is, a call is unknown without a reason", _nobody, _CONNECTION),
    Scenario("a late reply is never that of another call", _late_reply),
    Scenario("a reply that comes twice counts once", _repeated_replies, frozenset({Mark.REPEATS})),
    Scenario("a channel that is closed during a call makes it unknown", _closed),
    Scenario("who is cancelled during a call is told so", _cancelled),
    Scenario("a request that is too large never leaves", partial(_large_requests, sizes=_ROUGH)),
    Scenario("a reply that is too large is lost for good", partial(_large_replies, sizes=_ROUGH)),
    Scenario(
        "a request of the greatest size is carried", partial(_large_requests, sizes=_EXACT), frozenset({Mark.BYTES})
    ),
    Scenario(
        "a reply of the greatest size comes through", partial(_large_replies, sizes=_EXACT), frozenset({Mark.BYTES})
    ),
)
"""The scenarios of this file."""
