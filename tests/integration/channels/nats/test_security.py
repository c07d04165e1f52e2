"""A broker with TLS and logins: who is let in sends, who is not is told why, and what is exchanged needs no restart."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from orchestrator.channels.nats.examining import examine_brokers
from orchestrator.contract.addresses import TLS
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Outcome, Unknown
from orchestrator.participant.security.brokers import BrokerFiles
from orchestrator.ports.findings import Severity
from tests.support.certificate_files import Authority, Files, put
from tests.support.made_queues import run_channels
from tests.support.nats import NatsServer, running
from tests.support.queued_participant import GROUP, channel_to, participating, provided

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.contract.command import Command

METADATA = (("idempotency-key", "order-1/ReserveStock#1"), ("saga-id", "order-1"))
PATIENCE = 30.0


class Place(NamedTuple):
    """A broker that wants TLS, a certificate and a login, and what we show to it."""

    server: NatsServer
    broker: Files
    files: BrokerFiles

    def demand(self, password: str) -> None:
        """What it wants from its next start on."""
        self.server.configure(demanding(self.broker, password))

    def login(self, content: str) -> None:
        assert self.files.login is not None
        put(self.files.login, content.encode())

    def options(self, password: str) -> dict[str, Any]:
        """What a participant shows."""
        assert self.files.certificate is not None
        context = ssl.create_default_context(cafile=self.files.ca)
        context.load_cert_chain(self.files.certificate, self.files.key)
        return {"tls": context, "user": "orders", "password": password}

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[NatsChannel]:
        channel = channel_to(self.server, scheme=TLS, files=self.files)
        try:
            yield channel
        finally:
            await channel.close()


def demanding(broker: Files, password: str) -> str:
    tls = f'cert_file: "{broker.certificate}", key_file: "{broker.key}", ca_file: "{broker.ca}", verify: true'
    return f"tls {{ {tls} }}\nauthorization {{ user: orders, password: {password} }}"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    authority = Authority(tmp_path / "certificates")
    broker, ours = authority.issue("127.0.0.1"), authority.issue("orchestrator.example")
    with running(settings=demanding(broker, "first")) as server:
        made = Place(server, broker, BrokerFiles(ours.ca, ours.certificate, ours.key, tmp_path / "login"))
        made.login("orders:first\n")
        yield made


async def sent(channel: NatsChannel, command: Command, seconds: float = PATIENCE) -> Outcome:
    return await channel.caller(command)(b"request", METADATA, seconds)


async def let_in(channel: NatsChannel, command: Command) -> Completed:
    """The answer, once the broker lets the channel in."""
    while True:
        outcome = await sent(channel, command)
        if isinstance(outcome, Completed):
            return outcome
        assert isinstance(outcome, Unknown), outcome


async def refusal_with(channel: NatsChannel, command: Command, told: str) -> str:
    """What an attempt comes to, once it tells that: the broker may cut a connection off before it says why."""
    while True:
        refused = await sent(channel, command, 0.5)
        assert isinstance(refused, Unknown)
        assert refused.failure.code is StatusCode.UNAVAILABLE
        message = refused.failure.message
        if told in message or told in message.lower().replace("_", " "):
            return message


async def test_a_command_goes_over_tls_to_a_broker_that_knows_us(place: Place, command: Command) -> None:
    async with place.channel() as channel:
        await provided(channel, command.service)
        async with participating(place.server, channel, command.service, **place.options("first")) as participant:
            assert await sent(channel, command) == Completed(b"done")
            assert [taken.command.request for taken in participant.taken] == [b"request"]


async def test_a_wrong_login_is_told_without_its_password_and_needs_no_restart_when_it_is_set_right(
    place: Place, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    async with place.channel() as right:
        await provided(right, command.service)
        prefix = right.address.subjects.prefix
    place.login("orders:guess")
    channel = channel_to(place.server, prefix=prefix, scheme=TLS, files=place.files)

    told = f"the server does not let us in, by ORCHESTRATOR_NATS_LOGIN={place.files.login}"
    async with asyncio.timeout(PATIENCE):
        message = await refusal_with(channel, command, told)
    assert told in caplog.text
    assert "guess" not in message + caplog.text
    assert await channel.is_serving(command.service) is False
    [found] = await examine_brokers({command.service: channel}, GROUP, "")
    assert (found.severity, told in found.what) == (Severity.ERROR, True)

    place.login("orders:first")
    async with participating(place.server, channel, command.service, **place.options("first")):
        assert await asyncio.wait_for(let_in(channel, command), PATIENCE) == Completed(b"done")
    await channel.close()


async def test_a_channel_comes_back_to_a_broker_with_other_certificates_and_another_password(
    place: Place, command: Command, tmp_path: Path
) -> None:
    async with place.channel() as channel:
        await provided(channel, command.service)
        async with participating(place.server, channel, command.service, **place.options("first")):
            assert await sent(channel, command) == Completed(b"done")

        place.server.kill()
        authority = Authority(tmp_path / "others")
        for old, new in ((place.broker, authority.issue("127.0.0.1")), (place.files, authority.issue("o.example"))):
            for name in ("ca", "certificate", "key"):
                put(getattr(old, name), getattr(new, name).read_bytes())
        place.demand("second")
        place.login("orders:second")
        await asyncio.to_thread(place.server.start)

        async with participating(place.server, channel, command.service, **place.options("second")):
            assert await asyncio.wait_for(let_in(channel, command), PATIENCE) == Completed(b"done")


async def test_a_file_that_cannot_be_used_leaves_in_force_what_was_there_before(
    place: Place, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    async with place.channel() as channel:
        await provided(channel, command.service)
        place.server.kill()
        assert place.files.certificate is not None
        put(place.files.certificate, b"half of a certi")
        place.login("")
        await asyncio.to_thread(place.server.start)
        while (await channel.is_serving(command.service)) is not None:
            pass  # nobody serves, and the broker is there: it has let us in

    assert f"{place.files.login} cannot be used; what was there before stays in force" in caplog.text
    assert f"{place.files.key} cannot be used; what was there before stays in force" in caplog.text


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ({"ca": None}, "certificate verify failed"),
        ({"certificate": None, "key": None}, "certificate required"),
        ({"login": None}, "by ORCHESTRATOR_NATS_CERTIFICATE="),
    ],
)
async def test_what_is_missing_to_be_let_in_is_told(
    place: Place, command: Command, missing: dict[str, None], told: str
) -> None:
    channel = channel_to(place.server, scheme=TLS, files=place.files._replace(**missing))
    async with asyncio.timeout(PATIENCE):
        await refusal_with(channel, command, told)
    await channel.close()


def test_the_command_line_is_let_in_by_the_settings(place: Place) -> None:
    files = place.files._asdict()
    environment = {f"ORCHESTRATOR_NATS_{name.upper()}": str(path) for name, path in files.items()}
    made = run_channels(place.server, "commands", "create", scheme=TLS, **environment)
    assert made.returncode == 0, made.stderr + made.stdout
    assert all(line.endswith(": made") for line in made.stdout.splitlines())

    place.login("orders:guess")
    refused = run_channels(place.server, "commands", "create", scheme=TLS, **environment)
    assert refused.returncode == 1
    assert "the server does not let us in" in refused.stdout
    assert "guess" not in refused.stdout + refused.stderr


async def test_a_password_is_not_told_to_a_broker_without_tls(command: Command, tmp_path: Path) -> None:
    put(tmp_path / "login", b"orders:secret")
    heard: list[bytes] = []

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","proto":1,"headers":true,"max_payload":1048576}\r\n')
        heard.append(await reader.read(1000))
        writer.close()

    async with await asyncio.start_server(pretend, "127.0.0.1", 0) as pretender:
        place = f"127.0.0.1:{pretender.sockets[0].getsockname()[1]}"
        channel = channel_to(place, scheme=TLS, files=BrokerFiles(login=tmp_path / "login"))
        outcome = await sent(channel, command, 1.0)
        await channel.close()

    assert isinstance(outcome, Unknown)
    assert "does not offer TLS" in outcome.failure.message
    assert heard
    assert b"secret" not in b"".join(heard)
