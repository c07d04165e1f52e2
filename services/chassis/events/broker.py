"""What relay and subscriptions need of a broker: a stream that keeps events, and places in it.

``nats.py``'s broker is one; the tests have another, in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.chassis.event import Event


class BrokerAway(Exception):
    """The broker does not answer, or does not have the stream; the message says which. It may come back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscription wants to hear.

    Attributes:
        name: of the subscription; its place in the stream is kept under it.
        types: the full names of the events.
        since: the instant from which on, aware; counts where there is no place yet.
    """

    name: str
    types: Sequence[str]
    since: datetime


class Delivery(Protocol):
    """An event, as the stream delivers it.

    Attributes:
        place: where it stands in the stream.
        deliveries: how often it was delivered, this time included.
        headers: its headers.
        data: its body.
    """

    @property
    def place(self) -> int: ...  # noqa: D102 - see the class
    @property
    def deliveries(self) -> int: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def data(self) -> bytes: ...  # noqa: D102

    async def settle(self) -> None:
        """It need not be delivered again. Where that is not heard, it is."""

    async def hold(self) -> None:
        """It is still being worked on: it is not delivered again for a while."""


class Feed(Protocol):
    """What one subscription hears."""

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """The next ones, as soon as there is one; none where none comes for a while.

        Raises:
            BrokerAway: ask again, later.
        """

    async def unsettled(self) -> int:
        """How many were delivered, to anybody, and are not settled.

        Raises:
            BrokerAway: ask again, later.
        """


class Broker(Protocol):
    """A stream of events."""

    async def send(self, event: Event) -> None:
        """Return once the stream has the event, durable; an event that it has already is not added again.

        Raises:
            BrokerAway: it may have the event, or not: send it again.
        """

    def feed(self, wanted: Wanted) -> Feed:
        """What a subscription hears; its place in the stream is made when it first fetches."""
