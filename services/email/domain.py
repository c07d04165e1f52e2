"""The confirmation of an order, as an RFC 5322 letter.

The Message-ID follows from the order alone. If the participant dies between sending a letter and recording it, the
second letter carries the same Message-ID, by which mail servers and readers recognise it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

_SHOP_NAME = "The Saga Shop"
_UNSAFE_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_READABLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a customer is told about an order.

    Attributes:
        order_id: the order's identity.
        to: the customer's address, such as ``ada@example.com``.
        total: what was paid.
        currency: in which currency, ISO 4217.
        carrier: who carries the parcel; may be empty.
        tracking_number: the carrier's number of the parcel; may be empty.
    """

    order_id: str
    to: str
    total: Decimal
    currency: str
    carrier: str
    tracking_number: str


def message_id(order_id: str, sender: str) -> str:
    """The Message-ID of an order's confirmation, angle brackets included, in the domain of ``sender``."""
    return f"<order.{_digest(order_id)}@{sender.rpartition('@')[2]}>"


def file_name(order_id: str) -> str:
    """The name of the file of an order's confirmation: readable, unique, and safe whatever the order id holds."""
    readable = _UNSAFE_IN_FILE_NAMES.sub("-", order_id)[:_READABLE_LENGTH]
    return f"{readable}.{_digest(order_id)[:16]}.eml"


def address(addr_spec: str, name: str = "") -> Address:
    """An address, such as ``ada@example.com``, with its owner's name.

    Raises:
        ValueError: it is not one that a header can hold. The message does not quote it.
    """
    try:
        return Address(name, addr_spec=addr_spec)
    except (ValueError, IndexError, HeaderParseError):
        # Not chained: the parser's own message quotes the address, which must not reach a log or an answer.
        raise ValueError("a letter cannot be addressed so") from None


def letter(confirmation: Confirmation, *, sender: str, sent_at: datetime) -> EmailMessage:
    """Write the letter.

    Args:
        confirmation: what to tell, and to whom.
        sender: the shop's own address.
        sent_at: its date, aware.

    Raises:
        ValueError: an address is not one that a header can hold.
    """
    order = _one_line(confirmation.order_id)
    message = EmailMessage(policy=SMTP)
    message["From"] = address(sender, name=_SHOP_NAME)
    message["To"] = address(confirmation.to)
    message["Subject"] = f"Your order {order}"
    message["Date"] = sent_at
    message["Message-ID"] = message_id(confirmation.order_id, sender)
    # RFC 3834: no out-of-office reply to a letter that no person sent.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_body(confirmation, order))
    return message


def _body(confirmation: Confirmation, order: str) -> str:
    paragraphs = [
        f"Thank you for your order {order}.",
        f"You paid {confirmation.total:.2f} {confirmation.currency}.",
    ]
    if confirmation.carrier:
        paragraphs.append(f"{_one_line(confirmation.carrier)} brings your parcel.")
    if confirmation.tracking_number:
        paragraphs.append(f"Its tracking number is {_one_line(confirmation.tracking_number)}.")
    return "\n\n".join([*paragraphs, _SHOP_NAME]) + "\n"


def _one_line(text: str) -> str:
    # A line break in a header starts another header, so each unprintable character becomes a space.
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _digest(order_id: str) -> str:
    return sha256(order_id.encode()).hexdigest()[:32]
