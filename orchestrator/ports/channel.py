"""The ways to the participants: a channel is one of them, and a router has one for each address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome


class Caller(Protocol):
    """Delivers one command to its participant, once."""

    async def __call__(self, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the deadline travels with the call
        """Make one attempt of at most ``timeout`` seconds. Raises nothing but CancelledError."""


class Participants(Protocol):
    """The way to all participants: what the engine is given. In production, the router."""

    def caller(self, command: Command) -> Caller:
        """The way to one command; made once, at start-up."""

    async def is_serving(self, service: str) -> bool | None:
        """Whether a participant says of its health that it serves; ``None`` where it does not tell."""


class Channel(Participants, Protocol):
    """The way to the participants at one address, such as gRPC. Each kind passes the suite for channels."""

    async def close(self) -> None:
        """Give up the connection; a call that is under way ends as unknown."""
