"""The commands that participants have given up, which lie at a broker: what shows them to a person asks here.

Invariant: to ask is quick and never fails. A broker that is away is told of in a sentence, beside what others hold.
What a person has dealt with is forgotten, and nothing that this person was not shown.
"""

from __future__ import annotations

from types import MappingProxyType
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
        id: its identity among those of its participant; it stays, and no later one gets it.
    """

    at: int
    service: str
    method: str
    saga_id: str
    idempotency_key: str
    error: str
    deliveries: int
    id: str

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
        until: for each of these services, until when they are counted, by the clock of their broker, nanoseconds since
            the epoch, UTC.
    """

    numbers: Mapping[str, int]
    newest: Sequence[DeadCommand]
    unread: Sequence[str] = ()
    until: Mapping[str, int] = MappingProxyType({})


class DeadCommands(Protocol):
    """The commands that participants have given up."""

    async def newest(self, limit: int) -> FoundDeadCommands:
        """How many there are, and the latest of them, at most ``limit``."""

    async def forget(self, service: str, identity: str) -> DeadCommand:
        """Remove one, by its participant and its identity; what it was.

        Raises:
            DeadCommandNotFound: there is none, or none any more.
            ParticipantNotFound: nobody of this name is reached over a queue.
            BrokerAway: a broker that may have it does not answer, or refuses.
        """

    async def forget_until(self, service: str, until: int) -> int:
        """Remove all of a participant that were given up until an instant and are there by now; how many.

        Args:
            service: its full name.
            until: the instant, by the clock of the broker, nanoseconds since the epoch, UTC; what was given up right
                then is removed, too.

        Raises:
            ParticipantNotFound: nobody of this name is reached over a queue, or has given up anything.
            BrokerAway: its broker does not answer, or refuses; some may have been removed.
        """
