"""Refuses messages that break the buf.validate constraints of their contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.constraints import violations
from orchestrator.errors import InvalidInput

if TYPE_CHECKING:
    from google.protobuf.message import Message


def refuse_invalid(message: Message) -> None:
    """Check a message.

    Raises:
        InvalidInput: naming every violated field.
    """
    if found := violations(message):
        raise InvalidInput(*found)
