"""A channel that keeps commands: either side may be away, an attempt is one message, and its answer is found later."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Rejected, Retry, Unknown
from orchestrator.ports.queued import QueuedAttempt, QueuedCaller
from orchestrator.testing.conformance.channels.harness import COMMAND, Mark, Refusal
from orchestrator.testing.conformance.channels.scenario import (
    METADATA,
    PATIENCE_SECONDS,
    Held,
    Scenario,
    answering,
    expect,
    expect_equal,
    reply_of,
    request_of,
    text_of,
)

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Channel
    from orchestrator.testing.conformance.channels.harness import Arrived, ChannelUnderTest

_KEPT: Final = 10
_SAGA: Final = "order-1"
_SHORT_SECONDS: Final = 0.2
_SECOND: Final = 1_000_000_000


async def _kept(under_test: ChannelUnderTest) -> None:
    arrived: list[str] = []

    async def answer(each: Arrived) -> bytes:
        arrived.append(text_of(each.request))
        return reply_of(f"to {arrived[-1]}")

    under_test.answer = answer
    channel = under_test.open()
    await under_test.stop_participant()
    numbers = range(1, _KEPT + 1)
    attempts = [_attempt(number) for number in numbers]
    calls = [asyncio.ensure_future(_queue(channel, each, request_of(str(each.number)))) for each in attempts]
    await _are_queued(attempts)

    await under_test.start_participant()

    expect_equal(await asyncio.gather(*calls), [Completed(reply_of(f"to {each}")) for each in numbers], "the answers")
    expect_equal(sorted(arrived), sorted(map(str, numbers)), "the commands that arrived, each once")


async def _found(under_test: ChannelUnderTest) -> None:
    held, arrived = Held(), 0

    async def answer(each: Arrived) -> bytes:
        nonlocal arrived
        arrived += 1
        return await held(each)

    under_test.answer = answer
    first = under_test.open()
    call = asyncio.ensure_future(_queue(first, _attempt()))
    await held.arrived.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await first.close()
    held.released.set()

    outcome = await _queue(under_test.open(), _attempt(resumed=True))

    expect_equal(outcome, Completed(reply_of("late")), "what is found by who resumes the attempt")
    expect_equal(arrived, 1, "how often the command arrived")


async def _another_attempt(under_test: ChannelUnderTest) -> None:
    channel, arrived = under_test.open(), list[str]()
    under_test.answer = answering(Refusal(StatusCode.UNAVAILABLE, "broken"))
    first = await _queue(channel, _attempt(1))
    expect(isinstance(first, Unknown), f"the first attempt fails, not {first}")

    async def answer(each: Arrived) -> bytes:
        arrived.append(each.metadata["idempotency-key"])
        return reply_of("done")

    under_test.answer = answer

    expect_equal(await _queue(channel, _attempt(2)), Completed(reply_of("done")), "another attempt with the same key")
    expect_equal(arrived, [dict(METADATA)["idempotency-key"]], "the keys that arrived with it")


async def _expired(under_test: ChannelUnderTest) -> None:
    arrived: list[Arrived] = []
    under_test.answer = answering(reply_of("done"), arrived)
    channel = under_test.open()
    await under_test.stop_participant()
    attempt = _attempt(seconds=_SHORT_SECONDS)
    call = asyncio.ensure_future(_queue(channel, attempt))
    await _are_queued([attempt])
    await asyncio.sleep(2 * _SHORT_SECONDS)  # what is tested is that time has passed

    await under_test.start_participant()
    outcome = await call

    expect(isinstance(outcome, Retry), f"an attempt that expired had no effect, so it is a retry, not {outcome}")
    expect_equal(arrived, [], "what was executed")


async def _refused_after_another_delivery(under_test: ChannelUnderTest) -> None:
    channel, key = under_test.open(), dict(METADATA)["idempotency-key"]
    for number, echo in enumerate(((), (key,)), start=1):
        held = Held()
        under_test.answer = held
        call = asyncio.ensure_future(_queue(channel, _attempt(number)))
        await held.arrived.wait()
        await under_test.stop_participant()
        under_test.answer = answering(Refusal(StatusCode.FAILED_PRECONDITION, echo=echo))
        await under_test.start_participant()

        outcome = await call

        what = f"the refusal of a later delivery, with the keys {echo}"
        expect(isinstance(outcome, Rejected if echo else Unknown), f"{what}: {outcome}")


async def _told_of_answers(under_test: ChannelUnderTest) -> None:
    under_test.answer = answering(reply_of("done"))
    channel = under_test.open()
    caller = _caller(channel)
    key = dict(METADATA)["idempotency-key"]
    expect_equal(await caller.is_answered(_SAGA, key, 1), False, "whether an attempt is answered that was not made")

    await _queue(channel, _attempt(1))

    other = _caller(under_test.open())
    expect_equal(await other.is_answered(_SAGA, key, 1), True, "whether it is answered, asked by another process")
    expect_equal(await caller.is_answered(_SAGA, key, 2), False, "whether another attempt is answered")


def _caller(channel: Channel) -> QueuedCaller:
    caller = channel.caller(COMMAND)
    expect(isinstance(caller, QueuedCaller), f"a channel that keeps commands has queued callers, not {caller}")
    assert isinstance(caller, QueuedCaller)
    return caller


def _attempt(number: int = 1, *, seconds: float = PATIENCE_SECONDS, resumed: bool = False) -> QueuedAttempt:
    now = time.time_ns()
    expires_at = now + int(seconds * _SECOND)
    until = expires_at + int(PATIENCE_SECONDS * _SECOND)
    return QueuedAttempt(_SAGA, number, now, expires_at, until, resumed=resumed)


async def _queue(channel: Channel, attempt: QueuedAttempt, request: bytes = request_of("request")) -> Outcome:
    return await _caller(channel).queue(request, METADATA, PATIENCE_SECONDS, attempt)


async def _are_queued(attempts: list[QueuedAttempt]) -> None:
    while not all(each.is_queued for each in attempts):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)


_KEEPS: Final = frozenset({Mark.KEEPS})

QUEUES: Final = (
    Scenario("a command waits for a participant that is away, and arrives once", _kept, _KEEPS),
    Scenario("an answer for somebody who has died is found by who resumes the attempt", _found, _KEEPS),
    Scenario("another attempt with the same key is another message", _another_attempt, _KEEPS),
    Scenario("a command that expired is answered as expired, and not executed", _expired, _KEEPS),
    Scenario(
        "what is refused after another delivery is a rejection only where the guard says so",
        _refused_after_another_delivery,
        _KEEPS,
    ),
    Scenario("an attempt is known to be answered by every replica that asks", _told_of_answers, _KEEPS),
)
"""The scenarios of this file."""
