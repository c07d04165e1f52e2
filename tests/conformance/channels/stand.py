"""What a kind of channel brings to the suite: a participant at the other end that does as a test tells it.

A further kind (a queue, HTTP) implements :class:`Stand` and gets a line in ``CHANNELS``; the tests stay as they are.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from orchestrator.contract.reader import read_service
from shop.inventory.v1 import inventory_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    from orchestrator.contract.status_code import StatusCode
    from orchestrator.ports.channel import Channel

SERVICE = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"]
COMMAND = read_service(SERVICE)["ReserveStock"]
KEY = "order-1/InventoryService.ReserveStock#1"


class Arrived(NamedTuple):
    """A command as the participant got it."""

    path: str
    request: bytes
    metadata: dict[str, str]


class Refusal(NamedTuple):
    """A failure as the participant answers it.

    Attributes:
        code: the status code.
        message: its message.
        details: of google.rpc, such as an ErrorInfo.
        echo: the idempotency keys that are given back; a guard gives the one that it got.
    """

    code: StatusCode
    message: str = "it is so"
    details: tuple[Message, ...] = ()
    echo: tuple[str, ...] = ()


Answer: TypeAlias = "Callable[[Arrived], Awaitable[bytes | Refusal]]"
"""What the participant does with a command: gives the serialized reply, or a refusal."""


class Health(enum.Enum):
    """What the participant says of its health."""

    SERVING = enum.auto()
    NOT_SERVING = enum.auto()
    UNTOLD = enum.auto()


class Stand(Protocol):
    """One kind of channel, and a participant that is reached over it.

    Attributes:
        answer: what the participant does.
        health: what it says of its health; ``UNTOLD`` for nothing, because it has no such service.
    """

    answer: Answer
    health: Health

    def open(self, most_bytes: int = 1_000_000) -> Channel:
        """A channel to the participant that carries requests and replies of so many bytes; the stand closes it."""

    def open_to_nobody(self) -> Channel:
        """A channel to where no participant is; the stand closes it."""

    def cut(self) -> None:
        """Break the connection, in the middle of whatever is under way; the next one works."""
