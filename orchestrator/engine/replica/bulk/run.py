r"""Carries one bulk act on, in the replica that has it in hand.

Purpose: thousands of sagas are acted on at a pace that leaves room for other work. Invariant: what sagas have answered
is written only from the revision that this replica has written last, so one that was taken over writes nothing more;
and a saga is acted on only after it is written down how far sagas may have been acted on.

::

    a page of sagas ──begun is written──▶ in hand, so many at once ──answers──▶ written together, a few times a second
          ▲                                                                         │
          └───────────────────────────── none is left in hand ◀─────────────────────┘
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.engine.bulk.stages import answered, come_through
from orchestrator.engine.replica.pause import Pause
from orchestrator.ports.bulk_acts import MOVED_ON, TO_DO, Answer, BulkStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from orchestrator.engine.bulk.sagas import BulkSagas, Told
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.ports.bulk_acts import BulkAct, BulkSaga

    Ask = Callable[[BulkAct, BulkSaga], Awaitable[Told]]

LEASE_NANOSECONDS: Final = 5_000_000_000
"""For so long it is left to the replica that has it in hand, which says again every second that it does."""

PAGE: Final = 200
MOST_IN_HAND: Final = 50
_WRITE_SECONDS: Final = 0.1
_RENEW_SECONDS: Final = 1.0
_TURN_SECONDS: Final = 0.5
"""A saga that goes on after its act is waited for so long, so that not all of them go on at once."""


class TakenOver(Exception):
    """Another replica carries it on, or nothing is to be done any more."""


class BulkRun:
    """One bulk act in the hand of this replica.

    Args:
        act: as this replica has just kept it.
        sagas: acts on one saga.
        worker: the replica's.
    """

    def __init__(self, act: BulkAct, sagas: BulkSagas, worker: Worker) -> None:
        self._act = act
        self._sagas = sagas
        self._worker = worker
        self._journal = worker.adapters.journal
        self._clock = worker.adapters.clock
        self._pause = Pause(self._clock)
        self._queue: deque[BulkSaga] = deque()
        self._in_hand: set[asyncio.Task[None]] = set()
        self._told: list[tuple[BulkSaga, Told]] = []
        self._broken: BaseException | None = None
        self._written_at = self._clock.elapsed()

    async def carry_on(self) -> None:
        """Do all that is to be done by itself, until a person must start it, or it is over.

        Raises:
            TakenOver: it is left to another replica, or was stopped before anything was done.
            JournalError: how far it has come is not known; it is due again after a moment.
        """
        try:
            while self._act.status in MOVED_ON:
                await self._come_through(self._act.status)
        except asyncio.CancelledError:
            for task in self._in_hand:
                task.cancel()
            raise
        finally:
            self._queue.clear()
            while self._in_hand:  # what is under way in this process is not begun again beside itself
                with contextlib.suppress(Exception):
                    await asyncio.gather(*self._in_hand)

    async def _come_through(self, status: BulkStatus) -> None:
        """Ask the sagas that are to be asked where the bulk act stands, unless it moves on before."""
        match status:
            case BulkStatus.CHECKING:
                await self._ask_each({Answer.UNCHECKED}, self._sagas.check)
            case BulkStatus.RUNNING:
                await self._ask_each(TO_DO, self._carry_out)
                await self._ask_each({Answer.NOTED}, self._carry_out)
            case _:
                await self._ask_each(TO_DO, self._sagas.look_back)
        if self._act.status is status:
            over = come_through(self._act, await self._journal.store_now())
            await self._keep(over, ())

    async def _carry_out(self, act: BulkAct, saga: BulkSaga) -> Told:
        told = await self._sagas.carry_out(act, saga)
        await self._worker.until_stopped(saga.saga_id, _TURN_SECONDS)
        return told

    async def _ask_each(self, answers: Collection[Answer], ask: Ask) -> None:
        """Ask every saga that has one of these answers, while the bulk act stands where it does."""
        status, after, is_last = self._act.status, 0, False
        while True:
            if self._act.status is not status:
                self._queue.clear()
                is_last = True
            elif not self._queue and not is_last:
                page = await self._journal.bulk_sagas(self._act.bulk_id, after, PAGE, answers)
                if status is BulkStatus.STOPPING:  # behind these, nothing was begun
                    page = [saga for saga in page if saga.position <= self._act.begun]
                is_last = not page
                if page:
                    after = page[-1].position
                    await self._write(begun=after if status is BulkStatus.RUNNING else 0)
                    if self._act.status is status:
                        self._queue.extend(page)
            self._begin(ask)
            if not self._in_hand and is_last:
                await self._write()
                return
            await self._pause.last(_WRITE_SECONDS)
            if self._broken is not None:
                raise self._broken
            if self._told or self._clock.elapsed() - self._written_at > _RENEW_SECONDS * 1e9:
                await self._write()

    def _begin(self, ask: Ask) -> None:
        while self._queue and len(self._in_hand) < MOST_IN_HAND:
            task = asyncio.ensure_future(self._ask(self._queue.popleft(), ask))
            self._in_hand.add(task)
            task.add_done_callback(lambda task: self._done(task, ask))

    async def _ask(self, saga: BulkSaga, ask: Ask) -> None:
        told = await ask(self._act, saga)
        if told.answer is not saga.answer:
            self._told.append((saga, told))

    def _done(self, task: asyncio.Task[None], ask: Ask) -> None:
        self._in_hand.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
            self._queue.clear()
        self._begin(ask)
        if not self._queue:
            self._pause.end()

    async def _write(self, begun: int = 0) -> None:
        """Write down what sagas have answered, and that it is in hand; from a later revision if somebody stopped it."""
        told, self._told = self._told, []
        while True:
            now = await self._journal.store_now()
            act = answered(self._act, ((saga.answer, each.answer) for saga, each in told))
            act = replace(act, begun=max(act.begun, begun), not_before=now + LEASE_NANOSECONDS)
            sagas = [
                saga._replace(answer=each.answer, reason=each.reason, message=each.message, answered_at=now)
                for saga, each in told
            ]
            if await self._keep(act, sagas):
                return

    async def _keep(self, act: BulkAct, sagas: Collection[BulkSaga]) -> bool:
        """Keep it, unless somebody has stopped it since; whether it is kept."""
        if await self._journal.note_bulk_act(act, list(sagas)):
            self._act = replace(act, revision=act.revision + 1)
            self._written_at = self._clock.elapsed()
            return True
        latest = await self._journal.find_bulk_act(act.bulk_id)
        is_stop = latest is not None and latest.status is BulkStatus.STOPPING is not self._act.status
        if latest is None or latest.owner != act.owner or not is_stop:
            raise TakenOver
        self._act = latest
        return False
