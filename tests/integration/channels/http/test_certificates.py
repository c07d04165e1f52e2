"""A channel over HTTP with TLS: who is believed to be the participant, and certificates that are exchanged."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING

import pytest

from orchestrator.channels.http.channel import HttpChannel
from orchestrator.channels.http.settings import HttpSettings
from orchestrator.connections.handshake import HTTP_GREETING, meet
from orchestrator.connections.tls import ClientFiles, ClientTls, TokenFile
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Unknown
from tests.integration.channels.http.conftest import BOOK, BOOKING, HOTEL, METADATA
from tests.support.certificate_files import Authority, Files, put
from tests.support.http_participant import HttpParticipant, Request, response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orchestrator.journal.outcome import Outcome

NAME = "hotel.example"
OURS = "orchestrator.example"


def context_of(files: Files) -> ssl.SSLContext:
    """What a server with these files secures connections with; it wants to know who calls."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files.ca))
    context.load_cert_chain(files.certificate, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "first")


@pytest.fixture
async def secured(authority: Authority) -> AsyncIterator[HttpParticipant]:
    async with HttpParticipant(context_of(authority.issue(NAME))) as participant:
        yield participant


def tls_of(files: Files, address: str, name: str = NAME) -> ClientTls:
    return ClientTls(ClientFiles(files.ca, files.certificate, files.key), {address: name} if name else {})


def opened(participant: HttpParticipant, tls: ClientTls | None) -> HttpChannel:
    return HttpChannel("https", participant.address, HttpSettings(tls=tls))


async def sent(channel: HttpChannel) -> Outcome:
    return await channel.caller(BOOK)(BOOKING, METADATA, 30)


async def test_a_participant_is_called_over_tls_and_knows_who_calls(
    authority: Authority, secured: HttpParticipant
) -> None:
    channel = opened(secured, tls_of(authority.issue(OURS), secured.address))

    assert await sent(channel) == Completed(b"")
    await channel.close()

    assert [each.caller for each in secured.requests] == [(OURS,)]


@pytest.mark.parametrize("name", ["airline.example", ""], ids=["another name", "the host"])
async def test_a_participant_with_the_certificate_of_another_is_not_called_and_the_outcome_says_why(
    authority: Authority, secured: HttpParticipant, name: str
) -> None:
    channel = opened(secured, tls_of(authority.issue(OURS), secured.address, name))

    outcome = await sent(channel)
    await channel.close()

    assert isinstance(outcome, Unknown)
    assert outcome.failure.code is StatusCode.UNAVAILABLE
    assert "certificate verify failed" in outcome.failure.message
    assert secured.requests == []


async def test_without_an_authority_of_ours_those_of_the_system_count(secured: HttpParticipant) -> None:
    channel = opened(secured, None)

    outcome = await sent(channel)
    await channel.close()

    assert isinstance(outcome, Unknown)
    assert "certificate verify failed" in outcome.failure.message


async def test_a_new_certificate_is_shown_without_a_call_that_fails_and_calls_end_where_they_began(
    authority: Authority, secured: HttpParticipant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tls = tls_of(authority.issue(OURS), secured.address)
    channel = opened(secured, tls)
    arrived, released = asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> bytes:
        if request.line.startswith("POST"):
            arrived.set()
            await released.wait()
        return response(200, "{}")

    secured.answer = answer
    under_way = asyncio.ensure_future(sent(channel))
    await arrived.wait()

    authority.issue(OURS, "second.example", into=OURS)
    await _renewed(channel, tls)
    released.set()

    assert await sent(channel) == Completed(b"")
    assert await under_way == Completed(b"")
    posts = [each.caller for each in secured.requests if each.line.startswith("POST")]
    assert posts == [(OURS,), (OURS, "second.example")]
    assert "connected with the new certificates" in caplog.text
    await channel.close()


async def test_a_certificate_with_which_no_connection_is_made_takes_the_place_of_none(
    authority: Authority, secured: HttpParticipant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.channels.http.connections._RENEW_SECONDS", 0)
    files = authority.issue(OURS)
    good = files.ca.read_bytes()
    tls = tls_of(files, secured.address)
    channel = opened(secured, tls)
    assert await sent(channel) == Completed(b"")

    put(files.ca, Authority(tmp_path / "stranger").pem())
    assert tls.refresh()
    tls.tell()

    assert await sent(channel) == Completed(b"")
    put(files.ca, good)
    await _renewed(channel, tls)
    assert await sent(channel) == Completed(b"")
    await channel.close()


async def _renewed(channel: HttpChannel, tls: ClientTls) -> None:
    """What the process does each second, until new connections are in use."""
    assert tls.refresh()
    tls.tell()
    renewing = channel._connections._renewing
    assert renewing is not None
    await renewing


async def test_a_token_is_sent_to_its_service_and_a_new_one_from_the_next_call_on(
    tmp_path: Path, participant: HttpParticipant
) -> None:
    file = tmp_path / "token"
    put(file, b"first")
    token = TokenFile(file)
    channel = HttpChannel("http", participant.address, HttpSettings(tokens={HOTEL: token}))
    await sent(channel)

    put(file, b"second")
    assert token.refresh()
    await sent(channel)
    await channel.close()

    assert [each.headers["authorization"] for each in participant.requests] == ["Bearer first", "Bearer second"]


async def test_the_doctor_makes_a_handshake_with_a_participant_over_http(
    authority: Authority, secured: HttpParticipant
) -> None:
    met = await meet(secured.address, tls_of(authority.issue(OURS), secured.address), HTTP_GREETING)

    assert met.why == ""
    assert met.certificate is not None
    assert met.certificate.names == (NAME,)
