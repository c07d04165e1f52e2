"""A channel with TLS: who is believed to be the participant, and certificates that are exchanged under way."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest

from orchestrator.channels.grpc.credentials import Security
from orchestrator.connections.tls import ClientFiles, ClientTls, TokenFile
from orchestrator.journal.outcome import Completed, Unknown
from orchestrator.participant.security.callers import caller_of
from orchestrator.participant.security.tls import ServerTls
from tests.integration.channels.conftest import COMMAND, Wild
from tests.support.certificate_files import Authority, Files, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from orchestrator.participant.security.trust import Caller
    from tests.integration.channels.conftest import Way

    WayTo = Callable[..., Way]

NAME = "inventory.example"


class Secure(Wild):
    """A participant with TLS that remembers who has called."""

    def __init__(self, files: Files) -> None:
        super().__init__()
        self.callers: list[Caller] = []
        self.called_once = asyncio.Event()
        self.held: asyncio.Event | None = None
        self.answer = self._remember
        self.tls = ServerTls(files.certificate, files.key, files.ca)

    async def _remember(self, _request: bytes, context: Any) -> bytes:  # noqa: ANN401 - gRPC's
        self.callers.append(caller_of(context))
        self.called_once.set()
        if self.held is not None:
            await self.held.wait()
        return b""


@asynccontextmanager
async def secure(files: Files) -> AsyncIterator[Secure]:
    participant = Secure(files)
    server = grpc.aio.server(handlers=[participant])
    participant.address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', participant.tls.credentials())}"
    await server.start()
    yield participant
    await server.stop(None)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "first")


@pytest.fixture
async def participant(authority: Authority) -> AsyncIterator[Secure]:
    async with secure(authority.issue(NAME)) as participant:
        yield participant


def towards(participant: Secure, files: Files, name: str = NAME) -> ClientTls:
    return ClientTls(ClientFiles(files.ca, files.certificate, files.key), {participant.address: name} if name else {})


def renew(tls: ClientTls) -> bool:
    """What the process does each second."""
    changed = tls.refresh()
    if changed:
        tls.tell()
    return changed


async def until_connected(way: Way) -> None:
    """Until the channel is exchanged for the one that was being connected."""
    renewing = way.channel._line._renewing
    assert renewing is not None
    await renewing


async def test_a_participant_is_called_over_tls_and_knows_who_calls(
    way_to: WayTo, authority: Authority, participant: Secure
) -> None:
    way = way_to(participant.address, security=Security(towards(participant, authority.issue("orchestrator.example"))))

    assert isinstance(await way.call(), Completed)
    assert participant.callers[0].names == ("orchestrator.example",)


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("payment.example", "its certificate is that of inventory.example, and payment.example was expected"),
        ("", "its certificate is that of inventory.example, and 127.0.0.1 was expected"),
    ],
    ids=["another name", "the host"],
)
async def test_a_participant_with_the_certificate_of_another_is_not_called_and_the_log_says_why(
    way_to: WayTo,
    authority: Authority,
    participant: Secure,
    expected: str,
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = authority.issue("orchestrator.example")
    way = way_to(participant.address, security=Security(towards(participant, files, expected)))

    assert isinstance(await way.call(), Unknown)
    await explained(way)

    assert not participant.called
    assert f"no connection is made to the participant at {participant.address}: {told}" in caplog.text


async def explained(way: Way) -> None:
    asking = way.channel._line._explanation._asking
    assert asking is not None
    await asking


async def test_why_an_authority_or_a_certificate_of_ours_is_not_taken_is_told(
    way_to: WayTo, authority: Authority, participant: Secure, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    another, ours = Authority(tmp_path / "another").issue("orchestrator.example"), authority.issue("orchestrator")
    for files, told in (
        (another, "is not from an authority in"),
        (Files(another.certificate, another.key, ours.ca), "take our certificate"),
    ):
        way = way_to(participant.address, security=Security(towards(participant, files)))
        assert isinstance(await way.call(), Unknown)
        await explained(way)
        assert told in caplog.text
    assert not participant.called


async def test_a_new_certificate_is_shown_without_a_call_that_fails_and_calls_end_where_they_began(
    way_to: WayTo, authority: Authority, participant: Secure
) -> None:
    files = authority.issue("orchestrator.example")
    tls = towards(participant, files)
    way = way_to(participant.address, security=Security(tls))
    participant.held = asyncio.Event()
    under_way = asyncio.ensure_future(way.call())
    await participant.called_once.wait()

    authority.issue("orchestrator.example", "second.example", into="orchestrator.example")
    assert renew(tls)
    await until_connected(way)
    participant.held.set()

    assert isinstance(await way.call(), Completed)
    assert isinstance(await under_way, Completed)
    assert [each.names for each in participant.callers] == [
        ("orchestrator.example",),
        ("orchestrator.example", "second.example"),
    ]


async def test_the_authority_of_both_sides_is_exchanged_without_a_call_that_fails(
    way_to: WayTo, authority: Authority, participant: Secure, tmp_path: Path
) -> None:
    ours = authority.issue("orchestrator.example")
    tls, second = towards(participant, ours), Authority(tmp_path / "second")
    way = way_to(participant.address, security=Security(tls))
    theirs = Files(*(authority.folder / f"{NAME}.{kind}.pem" for kind in ("certificate", "key", "ca")))
    assert isinstance(await way.call(), Completed)

    async def step() -> None:
        assert renew(tls)
        await until_connected(way)
        assert isinstance(await way.call(), Completed)

    for files in (ours, theirs):  # both are trusted,
        put(files.ca, authority.pem() + second.pem())
    await step()
    for files, name in ((theirs, NAME), (ours, "orchestrator.example")):  # then both certificates are exchanged,
        new = second.issue(name)
        put(files.key, new.key.read_bytes())
        put(files.certificate, new.certificate.read_bytes())
    await step()
    for files in (ours, theirs):  # then the first one is trusted no longer
        put(files.ca, second.pem())
    await step()

    old = way_to(participant.address, security=Security(towards(participant, authority.issue("late.example"))))
    assert isinstance(await old.call(), Unknown)


async def test_files_that_cannot_be_used_leave_what_is_in_force_and_are_told_once(
    way_to: WayTo, authority: Authority, participant: Secure, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files = authority.issue("orchestrator.example")
    tls = towards(participant, files)
    way = way_to(participant.address, security=Security(tls))
    key = files.key.read_bytes()

    put(files.key, authority.issue("another.example").key.read_bytes())
    assert not renew(tls)
    assert not renew(tls)
    put(files.certificate, b"half a certificate")
    assert not renew(tls)
    files.key.unlink()
    assert not renew(tls)

    assert isinstance(await way.call(), Completed)
    assert caplog.text.count("the key is not that of the certificate") == 1
    assert caplog.text.count("there is no certificate in PEM") == 1
    authority.issue("orchestrator.example")
    assert renew(tls)
    assert files.key.read_bytes() != key


async def test_a_server_whose_files_cannot_be_used_goes_on_with_the_last_good_ones(
    way_to: WayTo, authority: Authority, participant: Secure
) -> None:
    theirs = Files(*(authority.folder / f"{NAME}.{kind}.pem" for kind in ("certificate", "key", "ca")))
    for path in theirs:
        put(path, b"nothing of use")
    files = authority.issue("orchestrator.example")

    way = way_to(participant.address, security=Security(towards(participant, files)))
    assert isinstance(await way.call(), Completed)


async def test_certificates_with_which_no_connection_is_made_leave_the_one_that_is(
    way_to: WayTo, authority: Authority, participant: Secure, tmp_path: Path
) -> None:
    files = authority.issue("orchestrator.example")
    tls = towards(participant, files)
    way = way_to(participant.address, security=Security(tls))
    assert isinstance(await way.call(), Completed)

    another = Authority(tmp_path / "another").issue("orchestrator.example")
    put(files.key, another.key.read_bytes())
    put(files.certificate, another.certificate.read_bytes())
    assert renew(tls)
    for _ in range(20):
        assert isinstance(await way.call(), Completed)

    authority.issue("orchestrator.example")  # it is mended
    assert renew(tls)
    await until_connected(way)
    assert isinstance(await way.call(), Completed)


async def test_a_caller_whose_certificate_has_ended_on_an_open_connection_is_nobody(
    way_to: WayTo, authority: Authority, participant: Secure
) -> None:
    files = authority.issue("orchestrator.example", life=timedelta(seconds=2))
    way = way_to(participant.address, security=Security(towards(participant, files)))
    seen: list[tuple[str, ...]] = []
    while () not in seen:  # until it has ended
        assert isinstance(await way.call(), Completed)
        seen = [caller.names for caller in participant.callers]
    assert seen[0] == ("orchestrator.example",)


async def test_a_token_is_sent_with_the_commands_of_its_service_and_exchanged(
    way_to: WayTo, wild: Wild, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    put(file, b"saga_first\n")
    token, sent = TokenFile(file), []

    async def remember(_request: bytes, context: Any) -> bytes:  # noqa: ANN401 - gRPC's
        sent.append(dict(context.invocation_metadata()).get("authorization"))
        return b""

    wild.answer = remember
    way = way_to(wild.address, security=Security(tokens={COMMAND.service: token}))
    another = way_to(wild.address, security=Security(tokens={"shop.payment.v1.PaymentService": token}))
    await way.call()
    put(file, b"saga_second\n")
    assert token.refresh()
    await way.call()
    put(file, b"")
    assert not token.refresh()
    await way.call()
    await another.call()

    assert sent == ["Bearer saga_first", "Bearer saga_second", "Bearer saga_second", None]
    assert "saga_" not in repr(token)
