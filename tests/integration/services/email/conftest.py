"""A real SMTP server on a free port, and the email service in front of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from functools import partial
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from services.chassis import load_settings, serving
from services.email.__main__ import SERVICE
from services.email.service import EmailService
from shop.email.v1.email_pb2_grpc import EmailServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage
    from pathlib import Path

    from aiosmtpd.smtp import Envelope, Session


NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)


@dataclass
class Mailbox:
    """A mail server's side of the conversation: keeps what arrives, and answers as the test says."""

    url: str = ""
    to_recipient: str = "250 OK"
    to_letter: str = "250 OK"
    letters: list[EmailMessage] = field(default_factory=list)
    logins: list[LoginPassword] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - named by aiosmtpd
        if self.to_letter.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.letters.append(message_from_bytes(envelope.content, policy=default))
        return self.to_letter

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword
    ) -> AuthResult:
        self.logins.append(login)
        return AuthResult(success=login.password == b"s3cret/word", handled=False)


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """What the mail server at its ``url`` receives."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()

    def connected() -> SMTP:
        return SMTP(mailbox, authenticator=mailbox.authenticate, auth_require_tls=False, loop=loop)

    async with await loop.create_server(connected, "127.0.0.1", 0) as server:
        mailbox.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield mailbox


@pytest.fixture
async def email(mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmailServiceStub]:
    """The email service, at noon, with the mail server of ``mailbox``."""
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    monkeypatch.setenv("EMAIL_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("EMAIL_SMTP_URL", mailbox.url)
    settings = load_settings(SERVICE.settings, name=SERVICE.name, contract=SERVICE.contract)
    at_noon = replace(SERVICE, create=partial(EmailService, clock=lambda: NOON))
    async with serving(at_noon, settings) as (address, _), grpc.aio.insecure_channel(address) as channel:
        yield EmailServiceStub(channel)
