"""Replies at a real broker: each is told to one replica, and again until somebody is done with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.channels.nats.answers import NatsAnswers
from orchestrator.channels.nats.provisioning import make, wanted
from orchestrator.participant.queued.subjects import replies_consumer
from tests.integration.channels.nats.test_channel import KEY, METADATA, attempt
from tests.support.queued_participant import GROUP, channel_to, participating

if TYPE_CHECKING:
    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.contract.command import Command
    from tests.support.nats import NatsServer

SECOND = 1_000_000_000


async def provided_impatiently(channel: NatsChannel, service: str) -> None:
    """Make what the service needs; what nobody is done with is told again after a second."""
    for each in wanted({service: channel}, GROUP):
        settings = {**each.settings, "ack_wait": SECOND} if "ack_wait" in each.settings else each.settings
        assert (await make(each._replace(settings=settings))).changed


async def until_all_are_done_with(channel: NatsChannel) -> None:
    """Wait until the broker owes nobody an answer."""
    name = f"CONSUMER.INFO.{channel.address.subjects.replies}.{replies_consumer(GROUP)}"
    while (await channel.stream.ask(name))["num_ack_pending"]:
        pass


async def test_an_answer_is_told_again_until_somebody_is_done_with_it(
    shared_nats: NatsServer, command: Command
) -> None:
    channel = channel_to(shared_nats)
    await provided_impatiently(channel, command.service)
    answers = NatsAnswers([channel], GROUP)
    async with participating(shared_nats, channel, command.service):
        await channel.caller(command).queue(b"", METADATA, 5.0, attempt(number=2))
    (told,) = await asyncio.wait_for(answers.come(), 10)
    (again,) = await asyncio.wait_for(answers.come(), 30)
    again.done()
    await asyncio.wait_for(until_all_are_done_with(channel), 30)
    answers.close()
    await channel.close()

    for each in (told, again):
        assert each.saga_id == "saga.1 *>"
        assert each.is_to(KEY, 2)
        assert not each.is_to(KEY, 1)
        assert not each.is_to("saga, 100%/InventoryService.ReserveStock#2", 2)
