"""What participants have given up is forgotten at a real broker: what was meant, and nothing that came later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.channels.nats import dead_stream
from orchestrator.channels.nats.dead_letters import NatsDeadCommands, count
from orchestrator.connections.nats import NatsConnection
from orchestrator.errors import BrokerAway, DeadCommandNotFound, ParticipantNotFound
from tests.support.queued_participant import channel_to, give_up, provided

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.contract.command import Command
    from orchestrator.ports.dead_commands import DeadCommands
    from tests.support.nats import NatsServer

PATIENCE: Final = 20.0
EMAIL: Final = "shop.email.v1.EmailService"


def at(channels: dict[str, NatsChannel], seconds: float = PATIENCE) -> NatsDeadCommands:
    return NatsDeadCommands(channels, seconds, seconds)


async def left(dead: DeadCommands) -> list[str]:
    return [each.saga_id for each in (await dead.newest(100)).newest]


@pytest.fixture
async def inventory(shared_nats: NatsServer, command: Command) -> AsyncIterator[NatsChannel]:
    """The channel to an inventory that has given up four commands, behind which an email was given up between them."""
    channel = channel_to(shared_nats)
    await provided(channel, command.service, EMAIL)
    for service, saga_ids in ((command.service, "12"), (EMAIL, "3"), (command.service, "45")):
        await give_up(shared_nats, channel.address.subjects, service, *(f"saga-{each}" for each in saga_ids))
    yield channel
    await channel.close()


async def test_one_command_is_forgotten_once_and_all_others_stay(inventory: NatsChannel, command: Command) -> None:
    dead = at({command.service: inventory})
    [meant] = [each for each in (await dead.newest(5)).newest if each.saga_id == "saga-2"]

    forgotten = await dead.forget(command.service, meant.id)
    with pytest.raises(DeadCommandNotFound, match="or it is forgotten already"):
        await dead.forget(command.service, meant.id)

    assert forgotten == meant
    assert await left(dead) == ["saga-5", "saga-4", "saga-3", "saga-1"]
    assert await count(inventory) == 4


async def test_all_of_a_participant_are_forgotten_until_an_instant_and_later_ones_stay(
    inventory: NatsChannel, command: Command
) -> None:
    dead = at({command.service: inventory})
    times = {each.saga_id: each.at for each in (await dead.newest(5)).newest}

    numbers = [await dead.forget_until(command.service, until) for until in (0, times["saga-4"], times["saga-4"])]

    assert numbers == [0, 3, 0]
    assert await left(dead) == ["saga-5", "saga-3"]
    assert (await dead.newest(0)).numbers == {EMAIL: 1, command.service: 1}


async def test_what_the_list_has_counted_is_forgotten_and_what_came_since_stays(
    shared_nats: NatsServer, inventory: NatsChannel, command: Command
) -> None:
    dead = at({command.service: inventory})
    seen = await dead.newest(1)
    await give_up(shared_nats, inventory.address.subjects, command.service, "saga-6")

    number = await dead.forget_until(command.service, seen.until[command.service])

    assert number == seen.numbers[command.service] == 4
    assert await left(dead) == ["saga-6", "saga-3"]


async def test_what_comes_while_all_are_forgotten_stays_even_where_the_instant_is_in_the_future(
    shared_nats: NatsServer, inventory: NatsChannel, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, held = at({command.service: inventory}), dead_stream.DeadStream.held

    async def and_one_more(stream: dead_stream.DeadStream) -> dead_stream.Held | None:
        found = await held(stream)
        await give_up(shared_nats, inventory.address.subjects, command.service, "saga-6")
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(dead_stream.DeadStream, "held", and_one_more)
        number = await dead.forget_until(command.service, 9 * 10**18)

    assert number == 4
    assert await left(dead) == ["saga-6", "saga-3"]


async def test_a_participant_that_is_reached_elsewhere_by_now_can_have_its_letters_forgotten(
    shared_nats: NatsServer, inventory: NatsChannel, command: Command
) -> None:
    now = channel_to(shared_nats)
    await provided(now, command.service)
    await give_up(shared_nats, now.address.subjects, command.service, "saga-6")
    dead = at({EMAIL: inventory, command.service: now})
    found = await dead.newest(6)
    oldest = found.newest[-1]

    assert await dead.forget(command.service, oldest.id) == oldest
    assert await dead.forget_until(command.service, found.until[command.service]) == 4
    await now.close()

    assert await left(dead) == ["saga-3"]


@pytest.mark.parametrize("name", ["shop.nobody.v1.NobodyService", "*", ">", "shop.>", ""])
async def test_a_name_that_nobody_has_forgets_nothing_also_where_it_is_a_pattern(
    inventory: NatsChannel, command: Command, name: str
) -> None:
    dead = at({command.service: inventory})
    identity = (await dead.newest(1)).newest[0].id

    with pytest.raises(ParticipantNotFound, match="is reached over a queue"):
        await dead.forget_until(name, 9 * 10**18)
    with pytest.raises(ParticipantNotFound, match="is reached over a queue"):
        await dead.forget(name, identity)

    assert await count(inventory) == 5


@pytest.mark.parametrize("identity", ["nothing", "", "-1-1", "1-1", "99-1", "9999999999999999999-1", "1" * 50 + "-1"])
async def test_an_identity_that_no_letter_has_is_not_found(
    inventory: NatsChannel, command: Command, identity: str
) -> None:
    with pytest.raises(DeadCommandNotFound):
        await at({command.service: inventory}).forget(command.service, identity)

    assert await count(inventory) == 5


async def test_a_letter_of_another_participant_is_not_found(inventory: NatsChannel, command: Command) -> None:
    dead = at({command.service: inventory})
    newest = (await dead.newest(1)).newest[0]

    with pytest.raises(DeadCommandNotFound):
        await dead.forget(EMAIL, newest.id)

    assert await count(inventory) == 5


async def test_a_participant_who_has_no_stream_yet_has_nothing_to_forget(
    shared_nats: NatsServer, command: Command
) -> None:
    channel = channel_to(shared_nats)
    dead = at({command.service: channel})

    number = await dead.forget_until(command.service, 9 * 10**18)
    with pytest.raises(DeadCommandNotFound):
        await dead.forget(command.service, "1-1")
    await channel.close()

    assert number == 0


async def test_where_no_queue_is_used_nobody_is_known(command: Command) -> None:
    with pytest.raises(ParticipantNotFound):
        await NatsDeadCommands({}).forget_until(command.service, 1)
    with pytest.raises(ParticipantNotFound):
        await NatsDeadCommands({}).forget(command.service, "1-1")


async def test_a_broker_that_is_away_refuses_what_it_may_hold_and_nothing_that_another_one_does(
    inventory: NatsChannel, nats_server: NatsServer, command: Command
) -> None:
    away = channel_to(nats_server, prefix="far")
    await provided(away, EMAIL)
    dead = at({command.service: inventory, EMAIL: away}, seconds=2.0)
    [first, *_, oldest] = (await dead.newest(5)).newest
    nats_server.kill()

    assert await dead.forget(command.service, oldest.id) == oldest
    assert await dead.forget_until(command.service, first.at) == 3
    told = "^The dead letters below far cannot be forgotten now: .*" + nats_server.address
    for refused in (dead.forget(command.service, oldest.id), dead.forget_until(EMAIL, 1), dead.forget_until("x", 1)):
        with pytest.raises(BrokerAway, match=told):
            await refused
    await away.close()

    assert await count(inventory) == 1


async def test_a_broker_that_refuses_is_told_of_in_its_own_words(inventory: NatsChannel, command: Command) -> None:
    subjects = inventory.address.subjects
    config = (await inventory.stream.ask(f"STREAM.INFO.{subjects.dead}"))["config"]
    await inventory.stream.ask(f"STREAM.UPDATE.{subjects.dead}", {**config, "deny_delete": True, "deny_purge": True})
    dead = at({command.service: inventory})
    newest = (await dead.newest(1)).newest[0]

    for refused in (dead.forget(command.service, newest.id), dead.forget_until(command.service, newest.at)):
        with pytest.raises(BrokerAway, match=r"cannot be forgotten now: .*not permitted"):
            await refused

    assert await count(inventory) == 5


async def test_the_latest_are_found_beyond_a_gap_without_asking_for_all_that_is_gone(
    shared_nats: NatsServer, inventory: NatsChannel, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects, dead = inventory.address.subjects, at({command.service: inventory})
    await give_up(shared_nats, subjects, command.service, *(f"saga-{number}" for number in range(6, 300)))
    await dead.forget_until(command.service, (await dead.newest(1)).newest[0].at)
    await give_up(shared_nats, subjects, EMAIL, "saga-300")
    asked, request = [], NatsConnection.request

    async def counted(*arguments: object, **options: object) -> object:
        asked.append(arguments)
        return await request(*arguments, **options)  # type: ignore[arg-type]  # they are passed on

    with monkeypatch.context() as counting:
        counting.setattr(NatsConnection, "request", counted)
        found = await left(dead)

    assert found == ["saga-300", "saga-3"]
    assert len(asked) < 40
