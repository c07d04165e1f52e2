"""The channel over a real broker: commands arrive, replies find their attempts, whichever process dies."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import nats
import pytest

from orchestrator.channels.nats.answers import NatsAnswers
from orchestrator.channels.nats.outcome import NO_ANSWER, QUEUE_FULL
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Rejected, Retry, Unknown
from orchestrator.ports.queued import QueuedAttempt
from tests.support.queued_participant import GROUP, channel_to, participating, provided, refusal, until_queued

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.contract.command import Command
    from tests.support.nats import NatsServer

KEY = "saga, 100%/InventoryService.ReserveStock#1"
METADATA = (("idempotency-key", KEY), ("saga-id", "saga.1 *>"), ("traceparent", "00-a-b-01"))


def attempt(
    seconds: float = 60.0,
    late: float = 5.0,
    *,
    number: int = 1,
    resumed: bool = False,
    publish: bool = True,
    saga_id: str = "saga.1 *>",
) -> QueuedAttempt:
    now = time.time_ns()
    expires_at = now + int(seconds * 1e9)
    until = expires_at + int(late * 1e9)
    return QueuedAttempt(saga_id, number, now, expires_at, until, resumed=resumed, publish=publish)


@pytest.fixture
async def channel(shared_nats: NatsServer, command: Command) -> AsyncIterator[NatsChannel]:
    made = channel_to(shared_nats)
    await provided(made, command.service)
    yield made
    await made.close()


async def test_a_command_arrives_as_it_was_journalled_and_its_reply_comes_back(
    shared_nats: NatsServer, channel: NatsChannel, command: Command
) -> None:
    async with participating(shared_nats, channel, command.service) as participant:
        assert await channel.caller(command)(b"\x00request", METADATA, 5.0) == Completed(b"done")
        assert await channel.caller(command).queue(b"\x00request", METADATA, 5.0, attempt()) == Completed(b"done")

    for method, taken in participant.taken:
        assert (method, taken.request, taken.metadata) == ("ReserveStock", b"\x00request", METADATA)
        assert taken.timeout == 5.0


async def test_only_the_refusal_of_a_guard_is_echoed(
    shared_nats: NatsServer, channel: NatsChannel, command: Command
) -> None:
    async with participating(shared_nats, channel, command.service) as participant:
        for echoed in (True, False):
            participant.answer = lambda _, taken, echoed=echoed: refusal(  # type: ignore[misc]
                taken, "FAILED_PRECONDITION", "OUT_OF_STOCK", echoed=echoed
            )
            outcome = await channel.caller(command)(b"", METADATA, 5.0)
            assert isinstance(outcome, Rejected)
            assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")
            assert outcome.echoed is echoed


async def test_a_command_that_expired_in_the_queue_had_no_effect(
    shared_nats: NatsServer, channel: NatsChannel, command: Command
) -> None:
    sending = asyncio.ensure_future(channel.caller(command).queue(b"", METADATA, 5.0, attempt(0.001, 20.0)))
    async with participating(shared_nats, channel, command.service) as participant:
        outcome = await sending

    assert isinstance(outcome, Retry)
    assert not participant.taken


async def test_an_answer_that_does_not_come_is_unknown(channel: NatsChannel, command: Command) -> None:
    outcome = await channel.caller(command).queue(b"", METADATA, 5.0, attempt(0.05, 0.05))

    assert isinstance(outcome, Unknown)
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.DEADLINE_EXCEEDED, NO_ANSWER)


async def test_another_replica_finds_the_reply_to_an_attempt_and_publishes_nothing(
    shared_nats: NatsServer, channel: NatsChannel, command: Command
) -> None:
    other = channel_to(shared_nats, "replica-2", channel.address.subjects.prefix)
    async with participating(shared_nats, channel, command.service) as participant:
        await channel.caller(command).queue(b"", METADATA, 5.0, attempt())
        caller = other.caller(command)
        assert await caller.is_answered("saga.1 *>", KEY, 1)
        assert not await caller.is_answered("saga.1 *>", KEY, 2)
        assert await caller.queue(b"", METADATA, 5.0, attempt(resumed=True, publish=False)) == Completed(b"done")
        assert await caller.queue(b"", METADATA, 5.0, attempt(resumed=True)) == Completed(b"done")
    await other.close()

    assert len(participant.taken) == 1


async def test_a_replica_that_resumes_an_attempt_gets_the_reply_to_what_the_dead_one_published(
    shared_nats: NatsServer, channel: NatsChannel, command: Command
) -> None:
    first = attempt()
    dying = asyncio.ensure_future(channel.caller(command).queue(b"", METADATA, 5.0, first))
    await until_queued(first)
    dying.cancel()
    other = channel_to(shared_nats, "replica-2", channel.address.subjects.prefix)
    resuming = asyncio.ensure_future(other.caller(command).queue(b"", METADATA, 5.0, attempt(resumed=True)))
    async with participating(shared_nats, channel, command.service) as participant:
        assert await resuming == Completed(b"done")
    await other.close()

    assert len(participant.taken) == 1


async def test_another_attempt_is_another_message(
    shared_nats: NatsServer, channel: NatsChannel, command: Command
) -> None:
    async with participating(shared_nats, channel, command.service) as participant:
        for number in (1, 2):
            await channel.caller(command).queue(b"", METADATA, 5.0, attempt(number=number))

    assert len({taken.message_id for _, taken in participant.taken}) == 2


async def test_a_broker_that_is_killed_loses_neither_the_command_nor_its_reply(
    nats_server: NatsServer, command: Command
) -> None:
    channel = channel_to(nats_server)
    await provided(channel, command.service)
    first = attempt()
    sending = asyncio.ensure_future(channel.caller(command).queue(b"", METADATA, 5.0, first))
    await until_queued(first)
    nats_server.kill()
    await asyncio.to_thread(nats_server.start)
    async with participating(nats_server, channel, command.service) as participant:
        assert await asyncio.wait_for(sending, 30) == Completed(b"done")
    await channel.close()

    assert len(participant.taken) == 1


async def test_a_broker_that_is_away_is_told_from_a_participant_that_is(
    nats_server: NatsServer, command: Command
) -> None:
    channel = channel_to(nats_server)
    assert await channel.is_serving(command.service) is None
    nats_server.kill()
    outcome = await channel.caller(command)(b"", METADATA, 0.5)

    assert isinstance(outcome, Unknown)
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.UNAVAILABLE, "")
    assert await channel.is_serving(command.service) is False
    await channel.close()


@pytest.mark.parametrize(("says", "serves"), [(b"SERVING", True), (b"NOT_SERVING", False), (b"hm", None)])
async def test_a_participant_tells_its_health(
    shared_nats: NatsServer, channel: NatsChannel, command: Command, says: bytes, serves: bool | None
) -> None:
    async with AsyncExitStack() as stack:
        client = await nats.connect(shared_nats.url)
        stack.push_async_callback(client.close)

        async def answer(message: nats.aio.msg.Msg) -> None:
            await message.respond(says)

        await client.subscribe(channel.address.subjects.health(command.service), cb=answer)
        await client.flush()
        await channel.stream.connection.client(60.0)  # a busy machine may take longer for that than health is awaited
        assert await channel.is_serving(command.service) is serves


async def test_commands_without_a_stream_say_what_makes_it(shared_nats: NatsServer, command: Command) -> None:
    channel = channel_to(shared_nats)
    outcome = await channel.caller(command)(b"", METADATA, 5.0)
    await channel.close()

    assert isinstance(outcome, Unknown)
    assert "orchestrator channels create" in outcome.failure.message


async def test_a_full_queue_takes_no_command_and_says_so(channel: NatsChannel, command: Command) -> None:
    stream = channel.address.subjects.commands
    settings = (await channel.stream.ask(f"STREAM.INFO.{stream}"))["config"]
    await channel.stream.ask(f"STREAM.UPDATE.{stream}", {**settings, "max_msgs_per_subject": 1})
    first = attempt()
    waiting = asyncio.ensure_future(channel.caller(command).queue(b"", METADATA, 5.0, first))
    await until_queued(first)
    outcome = await channel.caller(command).queue(b"", METADATA, 5.0, attempt(number=2))
    waiting.cancel()

    assert isinstance(outcome, Retry)
    assert outcome.failure.reason == QUEUE_FULL


async def test_a_request_that_is_larger_than_the_broker_takes_is_rejected(
    channel: NatsChannel, command: Command
) -> None:
    outcome = await channel.caller(command)(bytes(2_000_000), METADATA, 5.0)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.reason == "REQUEST_TOO_LARGE"


async def test_a_call_under_way_is_unknown_when_the_channel_is_closed(channel: NatsChannel, command: Command) -> None:
    first = attempt()
    sending = asyncio.ensure_future(channel.caller(command).queue(b"", METADATA, 5.0, first))
    await until_queued(first)
    await channel.close()
    outcome = await asyncio.wait_for(sending, 5)

    assert isinstance(outcome, Unknown)


async def test_answers_are_told_to_one_replica_of_a_group_and_again_after_the_broker_was_killed(
    nats_server: NatsServer, command: Command
) -> None:
    channel = channel_to(nats_server)
    await provided(channel, command.service)
    answers = NatsAnswers([channel], GROUP)
    async with participating(nats_server, channel, command.service):
        await channel.caller(command).queue(b"", METADATA, 5.0, attempt())
        told = {each.saga_id for each in await asyncio.wait_for(answers.come(), 10)}
        nats_server.kill()
        await asyncio.to_thread(nats_server.start)
        later = attempt(saga_id="later")
        await channel.caller(command).queue(b"", (("idempotency-key", "later"),), 5.0, later)
        while "later" not in told:
            told |= {each.saga_id for each in await asyncio.wait_for(answers.come(), 20)}
    answers.close()
    await channel.close()

    assert told == {"saga.1 *>", "later"}
