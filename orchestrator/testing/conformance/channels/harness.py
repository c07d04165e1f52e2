"""What a channel must bring to be tested: a participant at the other end that does as a scenario tells it.

::

    scenario ──▶ Channel under test ──▶ (what carries it) ──▶ participant ──▶ ChannelUnderTest.answer
        └─────── cut, stop_participant, restart_broker, repeat_replies ───────────┘

The participant serves :data:`SERVICE`, in the form that the channel speaks. It gives each command to ``answer``, as an
:class:`Arrived`, and sends back what ``answer`` returns: a serialized reply, or a :class:`Refusal`.

Invariant: a scenario never asks which channel it has. What a channel cannot do, it declares with a :class:`Mark`.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

from orchestrator.contract.reader import read_service
from shop.inventory.v1 import inventory_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from google.protobuf.message import Message

    from orchestrator.contract.status_code import StatusCode
    from orchestrator.ports.channel import Channel

SERVICE: Final = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"]
COMMAND: Final = read_service(SERVICE)["ReserveStock"]
MOST_BYTES: Final = 1_000_000
"""How large a request or a reply may be, where a scenario says nothing else."""


class Mark(enum.Enum):
    """What a channel may lack. Each one is declared by the channel, and documented where the channel is described."""

    BYTES = "carries requests and replies byte for byte, whatever is in them"
    EXACT_CODES = "tells each status code apart from all others"
    BARE_STATUS = "does not believe a status without details that says to try again"
    PROMPT = "ends an attempt once its timeout is over"
    CONNECTION = "tells of an attempt at once that its connection has broken, or that nobody is there"
    PRESENCE = "tells at once that a participant is not there"
    KEEPS = "keeps a command for a participant that is not there"
    BROKER = "has a broker that can be killed and started again"
    REPEATS = "may deliver a reply more than once"


class Arrived(NamedTuple):
    """A command as the participant got it.

    Attributes:
        path: of the rpc, such as ``/shop.inventory.v1.InventoryService/ReserveStock``.
        request: the serialized request.
        metadata: what came with it, names in lower case; more than was sent may be in it.
    """

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


class ChannelUnderTest(Protocol):
    """One kind of channel, and a participant that is reached over it. Inherit from it: what a mark excuses is there.

    Attributes:
        answer: what the participant does.
        health: what it says of the health of :data:`SERVICE`; ``UNTOLD`` for nothing, because it is never asked for it.
    """

    answer: Answer
    health: Health

    def open(self, most_bytes: int = MOST_BYTES) -> Channel:
        """A channel to the participant that carries requests and replies of so many bytes; closed with the block."""

    def open_to_nobody(self) -> Channel:
        """A channel to where no participant is; closed with the block."""

    def cut(self) -> None:
        """Break the channel's connections, in the middle of whatever is under way; the next ones work."""

    async def stop_participant(self) -> None:
        """Let the participant die; what it was doing is never answered."""

    async def start_participant(self) -> None:
        """Start it again, where it was; it serves when this returns."""

    async def restart_broker(self) -> None:
        """Kill the broker and start it again on its own disk; excused by :attr:`Mark.BROKER`."""
        raise AssertionError(f"declare that the channel lacks {Mark.BROKER}, or restart its broker")

    def repeat_replies(self) -> None:
        """From now on each reply is sent twice; excused by :attr:`Mark.REPEATS`."""
        raise AssertionError(f"declare that the channel lacks {Mark.REPEATS}, or send replies twice")


OpenChannel: TypeAlias = "Callable[[], AbstractAsyncContextManager[ChannelUnderTest]]"
"""Opens a channel and its participant, which does nothing yet, and closes both when the block is left."""
