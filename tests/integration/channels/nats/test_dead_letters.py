"""What participants have given up, as a person sees it: read from a real broker, which may be away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import httpx2
import nats

from orchestrator.channels.nats.dead_letters import NatsDeadCommands
from orchestrator.ports.dead_commands import FoundDeadCommands
from services.chassis import serving
from services.inventory.__main__ import SERVICE as INVENTORY
from tests.support.queued_participant import channel_to, give_up, provided
from tests.support.served import served, token_of

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.contract.command import Command
    from services.chassis import Service
    from tests.support.nats import NatsServer

PATIENCE: Final = 20.0
EMAIL: Final = "shop.email.v1.EmailService"


def inventory(nats_url: str, folder: Path, service: Service[Any] = INVENTORY) -> Any:  # noqa: ANN401 - a context manager
    """The inventory, which takes its commands from a queue."""
    url = f"sqlite:///{folder}/inventory.db"
    return serving(service, service.settings(listen="127.0.0.1:0", nats=nats_url, database_url=url))


def reading(*channels: NatsChannel) -> NatsDeadCommands:
    return NatsDeadCommands({str(number): each for number, each in enumerate(channels)}, PATIENCE)


async def test_a_message_that_cannot_be_read_is_on_the_desk_until_it_is_forgotten(
    shared_nats: NatsServer, command: Command, tmp_path: Path
) -> None:
    channel = channel_to(shared_nats)
    await provided(channel, command.service)
    subjects = channel.address.subjects
    url = f"{shared_nats.url}/{subjects.prefix}"
    client = await nats.connect(shared_nats.url)
    subject = subjects.command(command.service, "ReserveStock")
    await client.jetstream().publish(subject, b"who are you?", headers={"saga-id": "order-1"})
    dead = await client.subscribe(subjects.dead_of(command.service))
    await client.flush()
    async with inventory(url, tmp_path):
        await dead.next_msg(PATIENCE)
    await client.close()
    await channel.close()

    token = token_of("viewer")
    with (
        served(tmp_path, ORCHESTRATOR_PARTICIPANTS=f"{command.service}={url}") as orchestrator,
        httpx2.Client(base_url=orchestrator.console) as viewer,
    ):
        session = f"orchestrator-token-{orchestrator.console.rpartition(':')[2]}={token}"
        desk = "cannot be read"
        deadline = time.monotonic() + PATIENCE
        # On a busy machine the connection may be late for the first one.
        while "cannot be read" in desk and time.monotonic() < deadline:
            desk = viewer.get("/desk", headers={"cookie": session}).text
        listed = viewer.get("/v1/deadCommands", headers={"authorization": f"Bearer {token}"}).json()
        dealt_with = {"until": listed["counts"][0]["until"], "reason": "it was a test"}
        operator = {"authorization": f"Bearer {token_of('operator')}"}
        forgotten = viewer.post(f"/v1/deadCommands/{command.service}:forget", headers=operator, json=dealt_with)
        after = viewer.get("/v1/deadCommands", headers=operator)

    for said in (f"{command.service}: 1", "InventoryService.ReserveStock", "the header Nats-Msg-Id is missing"):
        assert said in desk
    assert "/sagas/order-1" in desk
    [counted], [letter] = listed["counts"], listed["newest"]
    assert counted == {"service": command.service, "count": "1", "until": letter["at"]}
    assert (letter["sagaId"], letter["deliveries"]) == ("order-1", 1)
    assert (forgotten.json(), after.json()) == ({"number": "1"}, {})
    assert "as operator (token file) wants it: it was a test" in "".join(orchestrator.said)


async def test_all_are_counted_by_participant_and_the_latest_of_every_prefix_are_told(
    shared_nats: NatsServer, command: Command
) -> None:
    first, second = channel_to(shared_nats), channel_to(shared_nats)
    for channel in (first, second):
        await provided(channel, command.service, EMAIL)
    await give_up(shared_nats, first.address.subjects, command.service, "saga-1", "saga-2", "saga-3")
    await give_up(shared_nats, second.address.subjects, command.service, "saga-4")
    await give_up(shared_nats, first.address.subjects, EMAIL, "saga-5")

    found = await reading(first, second, first).newest(3)
    counted = await reading(first).newest(0)
    for channel in (first, second):
        await channel.close()

    assert found.numbers == {command.service: 4, EMAIL: 1}
    assert [(each.saga_id, each.service) for each in found.newest] == [
        ("saga-5", EMAIL),
        ("saga-4", command.service),
        ("saga-3", command.service),
    ]
    assert (found.newest[0].error, found.newest[0].deliveries, found.unread) == ("it\ncrashed", 6, [])
    assert [each.at for each in found.newest] == sorted((each.at for each in found.newest), reverse=True)
    assert abs(found.newest[0].at - time.time_ns()) < 3600 * 10**9
    until = dict.fromkeys(counted.numbers, found.newest[0].at)
    assert counted == FoundDeadCommands({command.service: 3, EMAIL: 1}, [], [], until)
    assert found.until == until
    assert len({each.id for each in found.newest}) == 3


async def test_nothing_is_told_where_no_stream_was_made_and_nobody_asked_where_no_queue_is_used(
    shared_nats: NatsServer,
) -> None:
    channel = channel_to(shared_nats)
    found = [await reading(channel).newest(5), await NatsDeadCommands({}).newest(5)]
    await channel.close()

    assert [(each.numbers, each.newest, each.unread) for each in found] == [({}, [], []), ({}, [], [])]


async def test_a_broker_that_is_away_or_silent_is_a_sentence_beside_what_others_hold(
    shared_nats: NatsServer, nats_server: NatsServer, command: Command
) -> None:
    there, away = channel_to(shared_nats), channel_to(nats_server, prefix="far")
    for channel in (there, away):
        await provided(channel, command.service)
    await give_up(shared_nats, there.address.subjects, command.service, "saga-1")
    read = NatsDeadCommands({"there": there, "away": away}, seconds=2.0)

    nats_server.pause()
    silent = await read.newest(5)
    nats_server.go_on()
    nats_server.kill()
    killed = await read.newest(5)
    for channel in (there, away):
        await channel.close()

    for found in (silent, killed):
        assert [each.saga_id for each in found.newest] == ["saga-1"]
        assert found.numbers == {command.service: 1}
        (told,) = found.unread
        assert told.startswith("The dead letters below far cannot be read: ")
        assert nats_server.address in told
