"""A call whose answer does not come is unknown, whether it took effect or not, and the channel goes on working."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Rejected, Unknown
from tests.conformance.channels.stand import COMMAND, KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Channel
    from tests.conformance.channels.stand import Arrived, Stand

METADATA = (("idempotency-key", KEY),)
LIMIT = 100_000
PATIENCE_SECONDS = 30


class Slow:
    """A participant that answers nothing until it is released.

    Attributes:
        effects: requests that took effect.
        arrived: a command is there, and has had its effect if it has it early.
    """

    def __init__(self, *, early: bool) -> None:
        self.effects: list[bytes] = []
        self.arrived = asyncio.Event()
        self.released = asyncio.Event()
        self._early = early

    async def answer(self, arrived: Arrived) -> bytes:
        if self._early:
            self.effects.append(arrived.request)
        self.arrived.set()
        await self.released.wait()
        if not self._early:
            self.effects.append(arrived.request)
        return b"late"


@pytest.fixture(params=[False, True], ids=["before the effect", "after the effect"])
async def slow(request: pytest.FixtureRequest, stand: Stand) -> AsyncIterator[Slow]:
    participant = Slow(early=request.param)
    stand.answer = participant.answer
    yield participant
    participant.released.set()


async def sent(channel: Channel, request: bytes = b"request", *, timeout: float = 30) -> Outcome:  # noqa: ASYNC109 - sent along
    return await channel.caller(COMMAND)(request, METADATA, timeout)


async def works_again(stand: Stand, channel: Channel) -> bool:
    """Calls complete, if not the very next one: it may still meet the connection that has just broken."""

    async def answer(_arrived: Arrived) -> bytes:
        return b"again"

    stand.answer = answer
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (outcome := await sent(channel)) != Completed(b"again"):
            assert isinstance(outcome, Unknown)
    return True


async def test_a_timeout_is_unknown(stand: Stand, slow: Slow) -> None:
    channel, timeout = stand.open(), 0.1

    outcome = await sent(channel, timeout=timeout)
    while not slow.arrived.is_set():  # a slow machine may take longer to bring it there
        timeout *= 2
        outcome = await sent(channel, timeout=timeout)

    assert isinstance(outcome, Unknown)
    assert not outcome.final
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.DEADLINE_EXCEEDED, "")
    assert await works_again(stand, channel)


async def test_a_connection_that_breaks_is_unknown(stand: Stand, slow: Slow) -> None:
    channel = stand.open()
    call = asyncio.ensure_future(sent(channel))
    await slow.arrived.wait()

    stand.cut()
    outcome = await call

    assert isinstance(outcome, Unknown)
    assert not outcome.final
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.UNAVAILABLE, "")
    assert await works_again(stand, channel)


async def test_where_nobody_is_the_outcome_is_unknown_without_a_reason(stand: Stand) -> None:
    outcome = await sent(stand.open_to_nobody())

    assert isinstance(outcome, Unknown)
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.UNAVAILABLE, "")


async def test_a_channel_that_is_closed_during_a_call_makes_it_unknown(stand: Stand, slow: Slow) -> None:
    channel = stand.open()
    call = asyncio.ensure_future(sent(channel))
    await slow.arrived.wait()

    await channel.close()
    outcome = await call

    assert isinstance(outcome, Unknown)
    assert outcome.failure.code is StatusCode.CANCELLED


async def test_who_is_cancelled_during_a_call_is_told_so_and_gets_no_outcome(stand: Stand, slow: Slow) -> None:
    channel = stand.open()
    call = asyncio.ensure_future(sent(channel))
    await slow.arrived.wait()

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await works_again(stand, channel)


async def test_a_request_of_the_greatest_size_is_carried_and_a_larger_one_never_leaves(stand: Stand) -> None:
    sizes: list[int] = []

    async def answer(arrived: Arrived) -> bytes:
        sizes.append(len(arrived.request))
        return b""

    stand.answer = answer
    channel = stand.open(LIMIT)

    assert await sent(channel, b"x" * LIMIT) == Completed(b"")
    outcome = await sent(channel, b"x" * (LIMIT + 1))

    assert isinstance(outcome, Rejected)
    assert not outcome.echoed
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE")
    assert "it was not sent" in outcome.failure.message
    assert sizes == [LIMIT]


async def test_a_reply_of_the_greatest_size_comes_through_and_a_larger_one_is_lost_for_good(stand: Stand) -> None:
    async def answer(arrived: Arrived) -> bytes:
        return b"x" * int(arrived.request)

    stand.answer = answer
    channel = stand.open(LIMIT)

    assert await sent(channel, b"%d" % LIMIT) == Completed(b"x" * LIMIT)
    outcome = await sent(channel, b"%d" % (LIMIT + 1))

    assert isinstance(outcome, Unknown)
    assert outcome.final, "another attempt would lose it again"
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE")
    assert await works_again(stand, channel)
