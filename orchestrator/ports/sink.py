"""What is needed of a sink: to be told one event, and to say whether it has taken it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from orchestrator.ports.outbox import KeptEvent


class NotTaken(NamedTuple):
    """The sink has not taken an event, as far as is known.

    Attributes:
        error: what was seen, in words.
        answered: the sink has answered, so it is there; else it may be that nobody is.
        retry_after: seconds for which it asks to be left alone; or 0.
    """

    error: str
    answered: bool
    retry_after: float = 0.0


class Sink(Protocol):
    """To whom events are told.

    Attributes:
        name: under which the outbox keeps how far it was told.
        timeout: seconds that one delivery takes at most.
        most_at_once: deliveries that may be under way at once; each is of another saga.
    """

    @property
    def name(self) -> str:
        """See the class."""

    @property
    def timeout(self) -> float:
        """See the class."""

    @property
    def most_at_once(self) -> int:
        """See the class."""

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of this type at all; of others, nothing is sent, and nothing is learnt of it."""

    async def tell(self, event: KeptEvent) -> NotTaken | None:
        """Tell it an event that it wants; ``None`` once it has durably taken it. A repeated one has the same id."""

    async def close(self) -> None:
        """Let go of its connections."""
