"""What a bulk act comes to for one of its sagas: the dry run, the act itself, and what an earlier process has done.

Purpose: each saga is acted on once. Invariant: an act of a bulk act carries a request id that follows from the two, and
the journal of the saga keeps it; so the successor of a process that died finds there what that one has done, and where
another process is asked, it finds the same request. Nothing is raised for the sake of one saga, but where the store is
away, which concerns them all.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from orchestrator.engine.sagas import PATIENCE_SECONDS
from orchestrator.errors import (
    ActNoted,
    ActRefused,
    JournalError,
    JournalUnavailable,
    NobodyAnswers,
    Recovering,
    SagaNotFound,
)
from orchestrator.journal.acts import was_carried_out, was_proposed
from orchestrator.journal.four_eyes import SECOND_PERSON_NEEDED
from orchestrator.ports.bulk_acts import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.journal.decisions import CommandDecision
    from orchestrator.journal.entries import Entry
    from orchestrator.ports.bulk_acts import BulkAct, BulkSaga
    from orchestrator.ports.clock import Clock

_log = logging.getLogger(__name__)

_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.5
_LONG_PATIENCE_SECONDS: Final = 30.0


class Told(NamedTuple):
    """What a saga has answered, and why."""

    answer: Answer
    reason: str = ""
    message: str = ""


class ActsOnOne(Protocol):
    """What of an engine is needed here; :class:`~orchestrator.engine.replica.replica.Replica` has it."""

    async def entries(self, saga_id: str) -> list[Entry]:
        """The journal of a saga."""

    async def refuse_act(self, act: Act, saga_id: str) -> None:
        """Say why an act cannot be done, if it cannot."""

    async def needs_second(self, act: Act, saga_id: str, decision: CommandDecision, requested_by: Actor) -> bool:
        """Whether a decision would only be proposed; says why it cannot be, if it cannot."""

    async def act(
        self, act: Act, saga_id: str, why: str, requested_by: Actor, *, patience: float, request_id: str
    ) -> object:
        """Do it."""

    async def decide(
        self, act: Act, saga_id: str, decision: CommandDecision, evidence: str, requested_by: Actor, request_id: str
    ) -> object:
        """Decide about one command."""


class BulkSagas:
    """What one process does to the sagas of bulk acts.

    Args:
        one: acts on one saga.
        clock: the time.
    """

    def __init__(self, one: ActsOnOne, clock: Clock) -> None:
        self._one = one
        self._clock = clock

    async def check(self, act: BulkAct, saga: BulkSaga) -> Told:
        """Whether a saga would allow the act to who has prepared it.

        Raises:
            JournalUnavailable: that cannot be told.
        """

        async def ask() -> Told:
            if act.decision is None:
                await self._one.refuse_act(act.act, saga.saga_id)
                return Told(Answer.ALLOWED)
            second = await self._one.needs_second(act.act, saga.saga_id, act.decision, act.prepared_by)
            return Told(Answer.SECOND_PERSON_NEEDED if second else Answer.ALLOWED)

        return await self._insisting(saga, ask, Answer.EXCLUDED)

    async def carry_out(self, act: BulkAct, saga: BulkSaga) -> Told:
        """Do the act to a saga, unless an earlier process has; one that was noted is waited for longer.

        Raises:
            JournalUnavailable: whether it is done is not known.
        """
        assert act.started_by is not None, "nobody has started it"
        by, why, request_id = act.started_by, f"{act.why} (bulk act {act.bulk_id})", _request_id(act, saga)
        patience = _LONG_PATIENCE_SECONDS if saga.answer is Answer.NOTED else PATIENCE_SECONDS

        async def ask() -> Told:
            before = await self._before(act, saga)
            if before is not None:
                return before
            if act.decision is None:
                await self._one.act(act.act, saga.saga_id, why, by, patience=patience, request_id=request_id)
            else:
                await self._one.decide(act.act, saga.saga_id, act.decision, why, by, request_id)
            return Told(Answer.DONE)

        return await self._insisting(saga, ask, Answer.REFUSED)

    async def look_back(self, act: BulkAct, saga: BulkSaga) -> Told:
        """What an earlier process has done to a saga; its answer as it is where that is nothing.

        Raises:
            JournalUnavailable: that cannot be told.
        """
        return await self._before(act, saga) or Told(saga.answer)

    async def _before(self, act: BulkAct, saga: BulkSaga) -> Told | None:
        entries, request_id = await self._one.entries(saga.saga_id), _request_id(act, saga)
        if not was_carried_out(entries, request_id):
            return None
        return Told(Answer.PROPOSED if was_proposed(entries, request_id) else Answer.DONE)

    async def _insisting(self, saga: BulkSaga, ask: Callable[[], Awaitable[Told]], refused: Answer) -> Told:
        """The answer of a saga; one that changes hands, or is yet to be recovered, is asked again."""
        attempt = 1
        while True:
            try:
                return await ask()
            except (ActNoted, ActRefused, NobodyAnswers, SagaNotFound) as error:
                return _told(error, refused)
            except Recovering:
                await self._clock.sleep(_PAUSE_SECONDS)
            except JournalUnavailable:
                raise
            except JournalError as error:
                if attempt == _ATTEMPTS:
                    return Told(Answer.FAILED, "CLAIM_LOST", str(error))
                attempt += 1
                await self._clock.sleep(_PAUSE_SECONDS)
            except Exception:  # noqa: BLE001 - one saga must not keep the others waiting
                _log.critical("saga %s cannot be acted on", saga.saga_id, exc_info=True)
                return Told(Answer.FAILED, "INTERNAL_ERROR", "internal error; the orchestrator's log tells more")


def _request_id(act: BulkAct, saga: BulkSaga) -> str:
    return f"bulk/{act.bulk_id}/{saga.saga_id}"


def _told(error: ActNoted | ActRefused | NobodyAnswers | SagaNotFound, refused: Answer) -> Told:
    match error:
        case ActNoted():
            return Told(Answer.NOTED, "ACT_NOTED", str(error))
        case ActRefused():
            proposed = refused is Answer.REFUSED and error.reason == SECOND_PERSON_NEEDED
            return Told(Answer.PROPOSED if proposed else refused, error.reason, str(error))
        case SagaNotFound():
            return Told(refused, "SAGA_NOT_FOUND", str(error))
        case NobodyAnswers():
            return Told(Answer.FAILED, "NOBODY_ANSWERS", str(error))
