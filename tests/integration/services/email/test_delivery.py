from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from services.email.delivery import LetterRefusedError, MailUnavailableError, OutboxFolder, SmtpDelivery
from services.email.domain import Confirmation, letter, message_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage
    from pathlib import Path

    from aiosmtpd.smtp import Envelope, Session

SENDER = "orders@shop.example"
CONFIRMATION = Confirmation("order-7", "ada@example.com", Decimal("71.40"), "EUR", "Swift Post", "SP1")
LETTER = letter(CONFIRMATION, sender=SENDER, sent_at=datetime(2030, 5, 17, tzinfo=UTC))


@dataclass
class Mailbox:
    """Keeps what arrives; answers as told."""

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


@asynccontextmanager
async def mail_server(mailbox: Mailbox) -> AsyncIterator[int]:
    def connected() -> SMTP:
        return SMTP(
            mailbox, authenticator=mailbox.authenticate, auth_require_tls=False, loop=asyncio.get_running_loop()
        )

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def send(port: int, login: str = "") -> None:
    delivery = SmtpDelivery.from_url(f"smtp://{login}127.0.0.1:{port}")
    await asyncio.to_thread(delivery.send, LETTER, "order-7.eml")


async def test_a_letter_reaches_the_mail_server_as_it_was_written() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        await send(port)

    [arrived] = mailbox.letters
    assert arrived["To"] == "ada@example.com"
    assert arrived["Message-ID"] == message_id("order-7", SENDER)
    assert "You paid 71.40 EUR." in arrived.get_content()


async def test_the_mail_server_is_logged_in_to_when_a_user_is_given() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        await send(port, login="shop:s3cret%2Fword@")

    assert mailbox.logins == [LoginPassword(b"shop", b"s3cret/word")]
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize(
    "mailbox",
    [Mailbox(to_recipient="550 No such user"), Mailbox(to_letter="554 Looks like spam")],
    ids=["recipient", "letter"],
)
async def test_a_permanent_refusal_of_the_letter_is_final_and_quotes_no_address(mailbox: Mailbox) -> None:
    async with mail_server(mailbox) as port:
        with pytest.raises(LetterRefusedError, match="refused the letter with 55") as refused:
            await send(port)

    assert "ada" not in str(refused.value)
    assert mailbox.letters == []


@pytest.mark.parametrize(
    "mailbox",
    [Mailbox(to_recipient="450 Mailbox busy"), Mailbox(to_letter="451 Try again")],
    ids=["recipient", "letter"],
)
async def test_a_temporary_refusal_is_no_verdict(mailbox: Mailbox) -> None:
    async with mail_server(mailbox) as port:
        with pytest.raises(MailUnavailableError, match="put the letter off with 45"):
            await send(port)


async def test_a_refused_login_leaves_the_letter_for_later() -> None:
    async with mail_server(Mailbox()) as port:
        with pytest.raises(MailUnavailableError, match="SMTPAuthenticationError"):
            await send(port, login="shop:wrong@")


async def test_a_mail_server_that_is_not_there_is_unavailable() -> None:
    async with mail_server(Mailbox()) as port:
        pass
    with pytest.raises(MailUnavailableError, match="ConnectionRefusedError"):
        await send(port)


@pytest.mark.parametrize(
    ("url", "delivery"),
    [
        ("smtp://mail.example", SmtpDelivery("mail.example", 25, tls=False)),
        ("smtps://mail.example", SmtpDelivery("mail.example", 465, tls=True)),
        (
            "smtps://a%40b:c%3Ad@mail.example:2465",
            SmtpDelivery("mail.example", 2465, tls=True, user="a@b", password="c:d"),
        ),
    ],
)
def test_a_mail_server_is_named_by_a_url(url: str, delivery: SmtpDelivery) -> None:
    assert SmtpDelivery.from_url(url) == delivery


@pytest.mark.parametrize("url", ["http://u:s3cret@mail.example", "smtp://", "mail.example:25"])
def test_another_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match=r"^a mail server is given as smtp://"):
        SmtpDelivery.from_url(url)


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(SmtpDelivery.from_url("smtp://shop:s3cret@mail.example"))


def test_the_outbox_holds_one_whole_file_for_each_letter(tmp_path: Path) -> None:
    outbox = OutboxFolder(tmp_path / "outbox")

    outbox.send(LETTER, "order-7.eml")
    outbox.send(LETTER, "order-7.eml")

    [file] = (tmp_path / "outbox").iterdir()
    assert file.name == "order-7.eml"
    assert message_from_bytes(file.read_bytes(), policy=default)["To"] == "ada@example.com"


def test_an_outbox_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")

    with pytest.raises(MailUnavailableError, match="FileExistsError"):
        OutboxFolder(tmp_path / "outbox").send(LETTER, "order-7.eml")
