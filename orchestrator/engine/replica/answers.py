r"""Wakes the parked sagas whose commands were answered by a queue.

Purpose: a saga that waits for a participant which was away goes on as soon as that has answered, on whichever replica
hears of it. Invariant: the answer itself is not carried here; the saga finds it when it goes on. So a wake that is
lost, comes twice, or is about a saga that has gone on, changes nothing.

::

    an answer has come ──▶ live here: it is handed over by its channel
                     ├───▶ parked: claimed, woken, and it goes on with the answer
                     └───▶ live elsewhere, ended, suspended: nothing: its replica finds the answer

An answer may come while the saga is being parked, and be taken for that of a saga that is live elsewhere. So who has
parked a saga looks once whether it is answered. What nobody hears of, the timers wake when no answer can come any more.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import JournalError
from orchestrator.journal.fold import fold
from orchestrator.journal.keys import idempotency_key
from orchestrator.journal.state import Status
from orchestrator.journal.waiting import queued_commands

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from orchestrator.engine.replica.worker import Worker
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.queued import Answered, Answers

_log = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.05
"""Between those that came at once: others may have come by then, and are looked up by the same query."""
_ROOM_SECONDS: Final = 0.25


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
        if any(self._worker.bindings.by_name(command.method) for command in queued_commands(state)):
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
        """Wake those that are parked; one that cannot be looked up now is told of again."""
        resting = [each for each in answered if each.saga_id not in self._worker.live]
        try:
            records = await self._worker.adapters.journal.find_each(sorted({each.saga_id for each in resting}))
            parked = [record.saga_id for record in records if record.status is Status.WAITING]
            await asyncio.gather(*map(self._wake, parked))
        except JournalError as error:
            _log.debug("answered sagas cannot be looked for: %s", error)
            answered = [each for each in answered if each not in resting]
        for each in answered:
            each.done()

    async def _look(self, state: SagaState) -> None:
        for command in queued_commands(state):
            binding = self._worker.bindings.by_name(command.method)
            if binding is None or binding.queued is None or command.in_queue is None:
                continue
            key = idempotency_key(state.saga_id, command.key)
            if await binding.queued.is_answered(state.saga_id, key, command.in_queue.attempt):
                try:
                    await self._wake(state.saga_id)
                except JournalError as error:
                    _log.debug("saga %s is answered, and cannot be woken: %s", state.saga_id, error)
                return

    async def _wake(self, saga_id: str) -> None:
        """Go on with a saga that is parked for an answer; nothing where it is not, by now.

        Raises:
            JournalError: it stays parked.
        """
        worker = self._worker
        entries = await worker.adapters.journal.read(saga_id)
        state = fold(saga_id, entries)
        if state.status is not Status.WAITING or not queued_commands(state):
            return
        claim = await worker.adapters.journal.claim_resting(worker.owner, saga_id)
        if claim is None:
            return
        entries = await worker.adapters.journal.read(saga_id)
        state = fold(saga_id, entries)
        if state.status is Status.WAITING and queued_commands(state):
            worker.recover(claim, entries, state, going_on=[worker.woken("answer")])
