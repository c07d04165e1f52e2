"""What commands need at a broker is made by one command that can be repeated, and looked at by doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import nats

from orchestrator.channels.nats.dead_letters import given_up
from orchestrator.channels.nats.examining import examine_brokers
from orchestrator.channels.nats.provisioning import make, wanted
from orchestrator.participant.queued.dead_letter import DeadLetter
from orchestrator.ports.findings import Severity
from tests.support.made_queues import run_channels
from tests.support.nats import running
from tests.support.queued_participant import GROUP, channel_to, provided

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from tests.support.nats import NatsServer


def test_the_command_makes_what_is_needed_once_and_then_finds_it(shared_nats: NatsServer) -> None:
    prefix = uuid4().hex
    first, second = run_channels(shared_nats, prefix, "create"), run_channels(shared_nats, prefix, "create")

    assert first.returncode == second.returncode == 0, first.stderr
    assert len(first.stdout.splitlines()) == len(second.stdout.splitlines()) == 6
    assert all(line.endswith(": made") for line in first.stdout.splitlines())
    assert all(line.endswith(": as it was") for line in second.stdout.splitlines())


def test_the_command_says_which_broker_does_not_answer() -> None:
    with running() as server:
        server.kill()
        done = run_channels(server, uuid4().hex, "create")

    assert done.returncode == 1
    assert f"no connection to NATS at {server.address}" in done.stdout


async def test_what_somebody_has_changed_is_told_and_set_right(shared_nats: NatsServer, command: Command) -> None:
    channel = channel_to(shared_nats)
    await provided(channel, command.service)
    stream = channel.address.subjects.commands
    settings = (await channel.stream.ask(f"STREAM.INFO.{stream}"))["config"]
    await channel.stream.ask(f"STREAM.UPDATE.{stream}", {**settings, "max_msgs_per_subject": 7, "max_bytes": 10**9})

    findings = await examine_brokers({command.service: channel}, GROUP, "")
    (told,) = [each for each in findings if each.about.startswith(f"stream {stream} ")]
    assert (told.severity, told.what) == (Severity.WARNING, "max_msgs_per_subject: 7 there, 100000 wanted")
    for each in wanted({command.service: channel}, GROUP):
        await make(each)
    config = (await channel.stream.ask(f"STREAM.INFO.{stream}"))["config"]
    assert (config["max_msgs_per_subject"], config["max_bytes"]) == (100_000, 10**9)
    await channel.close()


async def test_what_is_missing_is_an_error_and_its_command_is_named(shared_nats: NatsServer, command: Command) -> None:
    channel = channel_to(shared_nats)
    findings = await examine_brokers({command.service: channel}, GROUP, "")
    await channel.close()

    missing = [each for each in findings if each.severity is Severity.ERROR]
    assert len(missing) == 5
    assert {each.advice for each in missing} == {"orchestrator channels create"}


async def test_a_broker_that_acknowledges_before_its_disk_has_a_message_is_an_error(command: Command) -> None:
    for sync, severity in (("always", Severity.FINE), ("2m", Severity.ERROR)):
        with running(sync, 'http: "127.0.0.1:-1"') as server:
            channel = channel_to(server)
            monitor = f"http://127.0.0.1:{server.monitor_port}"
            findings = await examine_brokers({command.service: channel}, GROUP, monitor)
            await channel.close()
        (disk,) = [each for each in findings if each.about.endswith("its disk")]
        assert disk.severity is severity, disk


async def test_a_command_that_was_given_up_is_told_with_its_error_and_its_saga(
    shared_nats: NatsServer, command: Command
) -> None:
    channel = channel_to(shared_nats)
    await provided(channel, command.service)
    subjects = channel.address.subjects
    client = await nats.connect(shared_nats.url)
    for number in (1, 2):
        headers = {"saga-id": f"saga-{number}", "idempotency-key": f"saga-{number}/S.M#1", "Nats-Msg-Id": str(number)}
        letter = DeadLetter(subjects.command(command.service, "ReserveStock"), headers, b"", "it\ncrashed", 6)
        stream = client.jetstream()
        await stream.publish(subjects.dead_of(command.service), b"", headers=letter.message_headers())
    await client.close()

    letters = await given_up({command.service: channel}, 10)
    findings = await examine_brokers({command.service: channel}, GROUP, "")
    await channel.close()

    assert [(each.saga_id, each.method, each.error, each.deliveries) for each in letters] == [
        ("saga-2", "ReserveStock", "it\ncrashed", 6),
        ("saga-1", "ReserveStock", "it\ncrashed", 6),
    ]
    assert [each.what for each in findings if each.about.startswith("dead letters")] == [
        "participants have given up 2 commands"
    ]
