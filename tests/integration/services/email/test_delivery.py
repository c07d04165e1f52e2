from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from socket import socket
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import LoginPassword

from services.email.delivery import LetterRefusedError, MailUnavailableError, OutboxFolder, SmtpDelivery
from services.email.domain import Confirmation, letter, message_id

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.services.email.conftest import Mailbox

SENDER = "orders@shop.example"
CONFIRMATION = Confirmation("order-7", "ada@example.com", Decimal("71.40"), "EUR", "Swift Post", "SP1")
LETTER = letter(CONFIRMATION, sender=SENDER, sent_at=datetime(2030, 5, 17, tzinfo=UTC))


async def send(url: str) -> None:
    await asyncio.to_thread(SmtpDelivery.from_url(url).send, LETTER, "order-7.eml")


async def test_a_letter_reaches_the_mail_server_as_it_was_written(mailbox: Mailbox) -> None:
    await send(mailbox.url)

    [arrived] = mailbox.letters
    assert arrived["To"] == "ada@example.com"
    assert arrived["Message-ID"] == message_id("order-7", SENDER)
    assert "You paid 71.40 EUR." in arrived.get_content()


async def test_the_mail_server_is_logged_in_to_when_a_user_is_given(mailbox: Mailbox) -> None:
    await send(mailbox.url.replace("//", "//shop:s3cret%2Fword@"))

    assert mailbox.logins == [LoginPassword(b"shop", b"s3cret/word")]
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize(
    "answers", [{"to_recipient": "550 No such user"}, {"to_letter": "554 Looks like spam"}], ids=["recipient", "letter"]
)
async def test_a_permanent_refusal_of_the_letter_is_final_and_quotes_no_address(
    mailbox: Mailbox, answers: dict[str, str]
) -> None:
    vars(mailbox).update(answers)

    with pytest.raises(LetterRefusedError, match="refused the letter with 55") as refused:
        await send(mailbox.url)

    assert "ada@" not in str(refused.value)
    assert mailbox.letters == []


@pytest.mark.parametrize(
    "answers", [{"to_recipient": "450 Mailbox busy"}, {"to_letter": "451 Try again"}], ids=["recipient", "letter"]
)
async def test_a_temporary_refusal_of_the_letter_is_not_final(mailbox: Mailbox, answers: dict[str, str]) -> None:
    vars(mailbox).update(answers)

    with pytest.raises(MailUnavailableError, match="put the letter off with 45"):
        await send(mailbox.url)


async def test_a_refused_login_leaves_the_letter_for_later(mailbox: Mailbox) -> None:
    with pytest.raises(MailUnavailableError, match="SMTPAuthenticationError"):
        await send(mailbox.url.replace("//", "//shop:wrong@"))


def test_an_unreachable_mail_server_is_unavailable() -> None:
    # A bound port on which nobody listens refuses connections for as long as it is held.
    with socket() as held:
        held.bind(("127.0.0.1", 0))
        delivery = SmtpDelivery.from_url(f"smtp://127.0.0.1:{held.getsockname()[1]}")

        with pytest.raises(MailUnavailableError, match="ConnectionRefusedError"):
            delivery.send(LETTER, "order-7.eml")


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


@pytest.mark.parametrize(
    "url", ["http://u:s3cret@mail.example", "smtp://u:s3/cret@mail.example", "smtp://", "mail.example:25"]
)
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
