"""A stream lasts as long as its caller may have it, whatever the stream does at that moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from orchestrator.access.subject import Subject
from orchestrator.api.calls.lasting import Lasting
from orchestrator.contract.access import Role
from orchestrator.errors import NotAuthenticated
from orchestrator.testing.world.clock import JumpingClock
from tests.support.engine_world import turns, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from orchestrator.ports.clock import Clock

ADA = Subject("ada", frozenset({Role.VIEWER}), "token file")


class Stream:
    """Two messages, then silence; its caller is refused once ``error`` is set."""

    def __init__(self) -> None:
        self.clock = JumpingClock()
        self.error: Exception | None = None
        self.looks = 0
        self.closed = False
        self.sent: list[int] = []
        lasting = Lasting(self._look, cast("Clock", self.clock))
        self.answers = lasting.answers(self._messages(), ADA)

    async def _look(self) -> Subject:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return ADA

    async def _messages(self) -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
            await asyncio.Event().wait()
        finally:
            self.closed = True

    async def read(self) -> None:
        """Send every message, in one task, as gRPC does."""
        async for message in self.answers:
            self.sent.append(message)

    async def pass_time(self) -> None:
        """Until the caller has been looked at once more."""
        await until(self.clock.is_held)
        looks = self.looks
        self.clock.advance(16)
        await until(lambda: self.looks > looks)
        await turns()


async def test_nothing_more_is_sent_to_a_caller_who_was_refused_while_a_message_was_sent() -> None:
    stream = Stream()
    assert await anext(stream.answers) == 1
    stream.error = NotAuthenticated("TOKEN_EXPIRED", "it is too late")
    await stream.pass_time()

    with pytest.raises(NotAuthenticated):
        await anext(stream.answers)
    assert stream.closed


@pytest.mark.parametrize("error", [NotAuthenticated("TOKEN_EXPIRED", "it is too late"), RuntimeError("unforeseen")])
async def test_a_stream_that_is_silent_ends_for_whatever_reason_its_caller_is_not_known_to_be_allowed(
    error: Exception,
) -> None:
    stream = Stream()
    reading = asyncio.ensure_future(stream.read())
    await stream.pass_time()
    assert not reading.done()
    stream.error = error
    await stream.pass_time()

    with pytest.raises(type(error)):
        await reading
    assert (stream.closed, stream.sent) == (True, [1, 2])


async def test_a_call_that_its_caller_cancels_stays_cancelled_and_nobody_looks_any_longer() -> None:
    stream = Stream()
    reading = asyncio.ensure_future(stream.read())
    await until(stream.clock.is_held)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    stream.clock.advance(100)
    await turns()
    assert (stream.closed, stream.looks) == (True, 0)
