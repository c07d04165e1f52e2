r"""Wakes the parked sagas whose commands, or compensations, were answered by a queue.

Purpose: a saga that waits for a participant which was away goes on as soon as that has answered, on whichever replica
hears of it. Invariant: the answer itself is not carried here; the saga finds it when it goes on. A replica is done with
an answer only once its saga has what came of it, or rests for another reason: so whoever dies, another one is told. A
wake that comes twice, or is about a saga that has gone on, changes nothing.

::

    an answer is told ──▶ parked for it ────────────▶ claimed and woken: it goes on, and finds the answer
                     ├──▶ live, here or elsewhere ──▶ its channel hands it over; or it is being parked just now
                     └──▶ ended, suspended, parked for something else ──▶ done

    a moment later ──▶ has the saga what came of it? ──yes──▶ done
                                                    └──no───▶ nothing; the queue tells of it again

Who has parked a saga looks once whether it is answered, and so most of those that came in between are woken at once.
Where that replica dies first, the answer is told again: it was nobody's yet. What nobody is told of, the timers wake
when no answer can come any more.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import JournalError
from orchestrator.journal.fold import fold
from orchestrator.journal.keys import idempotency_key
from orchestrator.journal.logged import about_saga_id
from orchestrator.journal.state import CLAIMABLE, Status
from orchestrator.journal.waiting import held_by_queues, unanswered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Coroutine, Sequence

    from orchestrator.engine.replica.worker import Worker
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.queued import Answered, Answers

_log = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.05
"""Between those that came at once: others may have come by then, and are looked up by the same query."""
_ROOM_SECONDS: Final = 0.25
_MOMENT_SECONDS: Final = 2.0
"""After it, most sagas have what came of their answer; a queue that holds many answers back tells of no others."""


class WakingByAnswers:
    """Wakes sagas for one replica.

    Args:
        worker: the replica's.
        answers: tells which sagas are answered; ``None`` where no participant is reached over a queue.
    """

    def __init__(self, worker: Worker, answers: Answers | None) -> None:
        self._worker = worker
        self._answers = answers
        self._looking: set[asyncio.Future[None]] = set()
        worker.on_parked = self.note_parked
        worker.beside.append(self)

    def open(self) -> None:
        """Begin to listen."""
        if self._answers is not None:
            self._start(self._listen(self._answers))

    def close(self) -> None:
        """Listen no more."""
        for each in self._looking:
            each.cancel()

    def note_parked(self, state: SagaState) -> None:
        """A saga was parked here: an answer may have come before."""
        if held_by_queues(state):
            self._start(self._look(state))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _listen(self, answers: Answers) -> None:
        clock = self._worker.adapters.clock
        while True:
            await self._take(await answers.come())
            await clock.sleep(_PAUSE_SECONDS)
            while not self._worker.has_room:
                await clock.sleep(_ROOM_SECONDS)

    async def _take(self, answered: Sequence[Answered]) -> None:
        left = await self._settle(answered, reads=False)
        if left:
            self._start(self._settle_in_a_moment(left))

    async def _settle_in_a_moment(self, answered: Sequence[Answered]) -> None:
        await self._worker.adapters.clock.sleep(_MOMENT_SECONDS)
        await self._settle(answered, reads=True)

    async def _settle(self, answered: Sequence[Answered], *, reads: bool) -> Sequence[Answered]:
        """Wake what is parked, and be done with the answers that their sagas have, or do not need; the others.

        Args:
            answered: those that were told.
            reads: also read the journals of sagas that are advanced elsewhere; else those may need their answers.
        """
        live, journal = self._worker.live, self._worker.adapters.journal
        try:
            resting = {each.saga_id for each in answered if each.saga_id not in live}
            records = await journal.find_each(sorted(resting)) if resting else []
            parked = [record.saga_id for record in records if record.status is Status.WAITING]
            woken = await asyncio.gather(*(_unless_unreadable(saga_id, self._wake(saga_id)) for saga_id in parked))
            going_on = {record.saga_id for record in records if record.status in CLAIMABLE}
            going_on |= {saga_id for saga_id, goes_on in zip(parked, woken, strict=True) if goes_on}
            needed = [
                await _unless_unreadable(each.saga_id, self._is_needed(each, going_on, reads=reads))
                for each in answered
            ]
        except JournalError as error:
            _log.debug("answered sagas cannot be looked for: %s", error)
            return answered
        for each, is_needed in zip(answered, needed, strict=True):
            if not is_needed:
                each.done()
        return [each for each, is_needed in zip(answered, needed, strict=True) if is_needed]

    async def _is_needed(self, answered: Answered, going_on: Collection[str], *, reads: bool) -> bool:
        """Whether a saga still needs to hear of an answer, or may."""
        saga_id = answered.saga_id
        executor = self._worker.live.get(saga_id)
        if executor is not None:
            if not executor.has_written:
                return True  # as its journal says, it may still be parked
            # Of what it has recorded since, nothing need be durable: who recovers it looks for the answer first.
            state = executor.state
        elif saga_id not in going_on or not reads:
            return saga_id in going_on
        else:
            state = fold(saga_id, await self._worker.adapters.journal.read(saga_id))
        return any(
            answered.is_to(idempotency_key(saga_id, key), delivery.attempt_by_queue)
            for key, delivery in unanswered(state)
        )

    async def _look(self, state: SagaState) -> None:
        for held in held_by_queues(state):
            binding = self._worker.bindings.by_name(held.method)
            if binding is None or binding.queued is None:
                continue
            key = idempotency_key(state.saga_id, held.key)
            if await binding.queued.is_answered(state.saga_id, key, held.in_queue.attempt):
                try:
                    await self._wake(state.saga_id)
                except JournalError as error:
                    _log.debug("saga %s is answered, and cannot be woken: %s", state.saga_id, error)
                return

    async def _wake(self, saga_id: str) -> bool:
        """Go on with a saga that is parked for an answer; whether it goes on, here or elsewhere, now or later.

        Raises:
            JournalError: it stays parked.
        """
        worker = self._worker
        entries = await worker.adapters.journal.read(saga_id)
        state = fold(saga_id, entries)
        if state.status is not Status.WAITING or not held_by_queues(state):
            return state.status in CLAIMABLE
        if worker.adapters.journal.shared and worker.served.find(state.definition, state.version) is None:
            return True  # on a replica that serves it, when that one is told
        claim = await worker.adapters.journal.claim_resting(worker.owner, saga_id)
        if claim is None:
            return True
        entries = await worker.adapters.journal.read(saga_id)
        state = fold(saga_id, entries)
        if state.status is Status.WAITING and held_by_queues(state):
            worker.recover(claim, entries, state, going_on=[worker.woken("answer")])
            return True
        return state.status in CLAIMABLE


async def _unless_unreadable(saga_id: str, needed: Awaitable[bool]) -> bool:
    """Whether an answer is needed; where another version has written the saga, that one is to be told."""
    try:
        return await needed
    except JournalError:
        raise
    except Exception:  # noqa: BLE001 - one saga that cannot be read must not keep the others waiting
        told = "saga %s is answered, and cannot be read by this version"
        _log.critical(told, saga_id, exc_info=True, extra=about_saga_id(saga_id))
        return True
