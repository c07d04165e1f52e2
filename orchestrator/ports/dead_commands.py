"""The commands that participants have given up, which lie at a broker: what shows them to a person asks here.

Invariant: to ask is quick and never fails. A broker that is away is told of in a sentence, beside what others hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class DeadCommand(NamedTuple):
    """One command that was given up.

    Attributes:
        at: when, nanoseconds since the epoch, UTC.
        service: the full name of the participant that gave it up.
        method: of the rpc; empty where the message names none.
        saga_id: whose command it was; empty where the message does not say.
        idempotency_key: of the command, likewise.
        error: why it was given up.
        deliveries: how often it was delivered.
    """

    at: int
    service: str
    method: str
    saga_id: str
    idempotency_key: str
    error: str
    deliveries: int

    @property
    def command(self) -> str:
        """The full name of the rpc; of the service alone, where the method is not known."""
        return f"{self.service}.{self.method}" if self.method else self.service


class FoundDeadCommands(NamedTuple):
    """What there is.

    Attributes:
        numbers: how many there are, by the full name of the service; none for a service that gave up nothing.
        newest: the latest of them, the latest first.
        unread: for each broker that could not be read a sentence that says why.
    """

    numbers: Mapping[str, int]
    newest: Sequence[DeadCommand]
    unread: Sequence[str] = ()


class DeadCommands(Protocol):
    """The commands that participants have given up."""

    async def newest(self, limit: int) -> FoundDeadCommands:
        """How many there are, and the latest of them, at most ``limit``."""
