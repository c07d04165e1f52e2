"""Acts that one replica requests, and that the owner of the saga carries out.

Purpose: any replica takes an act on any saga. Invariant: an act that was requested is there until it is answered,
whichever replicas die; and what it was answered with does not change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.ports.claims import Served


class RequestedAct(NamedTuple):
    """What somebody wants to be done to a saga.

    Attributes:
        request_id: of its own for each request; the same for a repeated one.
        saga_id: the saga.
        act: what is to be done.
        why: in a sentence.
        requested_by: who wants it.
    """

    request_id: str
    saga_id: str
    act: Act
    why: str
    requested_by: Actor


class RequestedActs(Protocol):
    """The acts that wait for the owners of their sagas. Every method may raise JournalUnavailable."""

    async def request_act(self, requested: RequestedAct) -> None:
        """Keep a request; durable when this returns. One whose id is there already changes nothing."""

    async def requested_acts(self, owner: str, limit: int, served: Served | None = None) -> Sequence[RequestedAct]:
        """Requests without an answer that this replica may carry out, the oldest first.

        Args:
            owner: the replica: requests on the sagas that it has claimed.
            limit: how many at most.
            served: and requests on sagas that rest, of these definitions, or have ended; ``None`` for all that rest.
        """

    async def answer_act(self, request_id: str, answer: str) -> None:
        """Answer a request. One that is answered already keeps its answer."""

    async def act_answers(self, request_ids: Sequence[str]) -> Mapping[str, str]:
        """The answers of those requests that have one, for an hour at least."""
