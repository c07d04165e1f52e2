from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.email.domain import Confirmation, file_name, letter, message_id

if TYPE_CHECKING:
    from email.message import EmailMessage

SENDER = "orders@shop.example"
SENT_AT = datetime(2030, 5, 17, 8, 30, tzinfo=UTC)
CONFIRMATION = Confirmation(
    order_id="order-7",
    to="ada@example.com",
    total=Decimal("71.40"),
    currency="EUR",
    carrier="Swift Post",
    tracking_number="SP0000000000000042",
)
HEADERS = {"from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version"}
CONTENT_HEADERS = {"content-type", "content-transfer-encoding"}


def written_and_read_again(confirmation: Confirmation) -> EmailMessage:
    return message_from_bytes(bytes(letter(confirmation, sender=SENDER, sent_at=SENT_AT)), policy=default)


def test_a_letter_survives_the_wire_with_all_that_it_says() -> None:
    message = written_and_read_again(CONFIRMATION)

    assert message["From"] == "The Saga Shop <orders@shop.example>"
    assert message["To"] == "ada@example.com"
    assert message["Subject"] == "Your order order-7"
    assert message["Date"].datetime == SENT_AT
    text = message.get_content()
    assert "You paid 71.40 EUR." in text
    assert "Swift Post brings your parcel." in text
    assert "Its tracking number is SP0000000000000042." in text


def test_a_letter_without_a_parcel_says_nothing_of_one() -> None:
    text = written_and_read_again(replace(CONFIRMATION, carrier="", tracking_number="")).get_content()

    assert "parcel" not in text
    assert "tracking" not in text


def test_the_message_id_follows_from_the_order_alone() -> None:
    assert message_id("order-7", SENDER) == message_id("order-7", SENDER)
    assert message_id("order-7", SENDER) != message_id("order-8", SENDER)
    assert message_id("order-7", SENDER).endswith("@shop.example>")
    assert written_and_read_again(CONFIRMATION)["Message-ID"] == message_id("order-7", SENDER)


def test_an_order_id_with_line_breaks_adds_no_header() -> None:
    message = written_and_read_again(replace(CONFIRMATION, order_id="7\r\nBcc: eve@example.com\r\n\r\nHello"))

    assert message["Bcc"] is None
    assert message["Subject"] == "Your order 7 Bcc: eve@example.com Hello"


@given(order_id=st.text(min_size=1, max_size=100), carrier=st.text(max_size=64), tracking_number=st.text(max_size=64))
def test_no_text_adds_a_header(order_id: str, carrier: str, tracking_number: str) -> None:
    confirmation = replace(CONFIRMATION, order_id=order_id, carrier=carrier, tracking_number=tracking_number)

    message = written_and_read_again(confirmation)

    assert {name.lower() for name in message.keys()} == HEADERS | CONTENT_HEADERS  # noqa: SIM118 - a message is no dict
    assert message["To"] == "ada@example.com"


@pytest.mark.parametrize(
    "to",
    [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com, eve@example.com",
        ".ada@example.com",
        "ada@",
        "@",
        "",
    ],
)
def test_an_address_that_a_header_cannot_hold_is_refused_without_being_quoted(to: str) -> None:
    with pytest.raises(ValueError, match=r"^a letter cannot be addressed so$"):
        letter(replace(CONFIRMATION, to=to), sender=SENDER, sent_at=SENT_AT)


@pytest.mark.parametrize("order_id", ["../../etc/passwd", "..", ".", "a/b\\c", "\x00", "ü" * 100, "a" * 100])
def test_a_file_name_stays_in_its_folder(order_id: str) -> None:
    name = file_name(order_id)

    assert len(name) <= 100
    assert not set(name) & set("/\\\x00")
    assert not name.startswith("..")


def test_orders_that_read_alike_have_files_of_their_own() -> None:
    assert file_name("a/b") != file_name("a-b")
    assert file_name("order-7").startswith("order-7.")
