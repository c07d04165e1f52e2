"""The facade of bulk acts: all that API, console and command line may ask of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from orchestrator.ports.bulk_acts import Reach

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.journal.decisions import CommandDecision
    from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga


class NewBulkAct(NamedTuple):
    """What to prepare.

    Attributes:
        act: what is to be done to each saga.
        asked_for: which sagas, as the caller has said it: opaque here.
        prepared_by: who wants it.
        decision: what it says besides, where it is about one command of each saga.
        reach: to which sagas the caller is narrowed; those who ask on behalf of a caller set it.
    """

    act: Act
    asked_for: bytes
    prepared_by: Actor
    decision: CommandDecision | None = None
    reach: Reach = Reach()


class BulkActs(Protocol):
    """The bulk acts of one engine. Every method may raise JournalUnavailable."""

    async def prepare(self, new: NewBulkAct, pages: AsyncIterator[Sequence[str]]) -> BulkAct:
        """Write down to which sagas it is to be done. Then each is asked whether it would allow that: a dry run.

        It is durable when this returns, and is prepared a moment later; :meth:`watch` tells when. Nothing is done to
        a saga until somebody starts it.

        Args:
            new: what to prepare.
            pages: the ids of the sagas, each once. They are read to their end before anybody is asked.

        Raises:
            InvalidInput: there are too many sagas.
        """

    async def get(self, bulk_id: str) -> BulkAct:
        """The one of this id.

        Raises:
            BulkActNotFound: there is none, or it was deleted; this, and the following, too.
        """

    async def list_before(self, bulk_id: str, limit: int) -> Sequence[BulkAct]:
        """So many at most, the last one first, from the one before this id on; empty for the first page."""

    async def start(self, bulk_id: str, why: str, by: Actor) -> BulkAct:
        """Have it done to the sagas that allow it, and to no other. Repeating it changes nothing.

        Args:
            bulk_id: the bulk act.
            why: in a sentence; for a decision, how it is known. The journal of each saga keeps it.
            by: who wants it, and so acts on each saga.

        Raises:
            BulkActRefused: it is not prepared yet, or was stopped.
        """

    async def stop(self, bulk_id: str, by: Actor) -> BulkAct:
        """Begin nothing more of it; what is done stays done. Repeating it changes nothing.

        Raises:
            BulkActRefused: it has ended.
        """

    def watch(self, bulk_id: str) -> AsyncIterator[BulkAct]:
        """It as it stands, then after its changes, until nothing more happens by itself: it is prepared, or over."""

    async def sagas(self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()) -> Sequence[BulkSaga]:
        """So many of its sagas at most, by position, from the one after this position on.

        Args:
            bulk_id: the bulk act.
            after: the position; 0 for the first page.
            limit: how many at most.
            answers: only those with one of these answers; empty for all.
        """
