"""A real broker that stands still when it is given a command: it has the command later, and nobody was told so."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from orchestrator.channels.nats import caller
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Unknown
from orchestrator.ports.queued import QueuedAttempt
from tests.support.queued_participant import channel_to, participating, provided, until_queued

if TYPE_CHECKING:
    import pytest

    from orchestrator.contract.command import Command
    from tests.support.nats import NatsServer

KEY = "saga/InventoryService.ReserveStock#1"
METADATA = (("idempotency-key", KEY), ("saga-id", "saga"))
PUBLISH_SECONDS = 0.3


def attempt(*, sole: bool) -> QueuedAttempt:
    now, minute = time.time_ns(), 60 * 10**9
    return QueuedAttempt("saga", 1, now, now + minute, now + minute, sole=sole)


async def test_what_it_may_have_stored_of_a_sole_attempt_is_awaited_and_executed_once(
    nats_server: NatsServer, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "PUBLISH_SECONDS", PUBLISH_SECONDS)
    channel = channel_to(nats_server)
    await provided(channel, command.service)
    sole, other = attempt(sole=True), attempt(sole=False)
    async with participating(nats_server, channel, command.service) as participant:
        # From now on it is connected, and replies are listened for.
        assert await channel.caller(command)(b"", (("idempotency-key", "first"),), 5.0) == Completed(b"done")
        nats_server.pause()
        sending = asyncio.ensure_future(channel.caller(command).queue(b"", METADATA, 5.0, sole))
        outcome = await channel.caller(command).queue(b"", (("idempotency-key", "other"),), 5.0, other)
        await until_queued(sole)
        assert not sending.done()
        nats_server.go_on()
        assert await asyncio.wait_for(sending, 30) == Completed(b"done")
        taken = [dict(each.command.metadata)["idempotency-key"] for each in participant.taken]
    await channel.close()

    assert isinstance(outcome, Unknown)
    assert outcome.failure.code is StatusCode.UNAVAILABLE
    assert taken.count(KEY) == 1
