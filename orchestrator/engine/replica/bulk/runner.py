r"""Looks for bulk acts that are to be carried on, and takes them in hand.

Purpose: a bulk act goes on whichever replica dies. Invariant: one replica has it in hand, until it says so no more.

::

    due, by the store's clock ──▶ in hand (revision n + 1) ──▶ carried on ──▶ prepared, or over
          ▲                            └─ another replica was first: left to it    │
          └──────────────── its replica died: due again after a few seconds ◀──────┘
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replica.bulk.run import LEASE_NANOSECONDS, BulkRun, TakenOver
from orchestrator.engine.replica.pause import Pause
from orchestrator.errors import JournalError

if TYPE_CHECKING:
    from orchestrator.engine.bulk.sagas import BulkSagas
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.ports.bulk_acts import BulkAct

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 10.0
"""How often, at least, a replica looks for what another one may have left."""
_RETRY_SECONDS: Final = 1.0
_NANOSECONDS: Final = 1_000_000_000
_MOST_AT_ONCE: Final = 4
_EXPIRY_SECONDS: Final = 600.0
_MOST_DELETED: Final = 500
"""Of what has expired, so many rows at once, and then a pause: nothing else waits for long."""


class BulkRunner:
    """Carries bulk acts on, in one replica.

    Args:
        worker: the replica's.
        sagas: acts on one saga.
    """

    def __init__(self, worker: Worker, sagas: BulkSagas) -> None:
        self._worker = worker
        self._sagas = sagas
        self._pause = Pause(worker.adapters.clock)
        self._looking: asyncio.Task[None] | None = None
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._expired_at = 0

    def open(self) -> None:
        """Look for what is due from now on."""
        self._expired_at = self._worker.adapters.clock.elapsed()
        self._looking = asyncio.ensure_future(self._look_again_and_again())

    def close(self) -> None:
        """Look no more, and leave what is in hand to another replica."""
        for task in (self._looking, *self._in_hand.values()):
            if task is not None:
                task.cancel()

    def hurry(self) -> None:
        """A bulk act was changed here: there may be something to do now."""
        self._pause.end()

    async def _look_again_and_again(self) -> None:
        while True:
            await self._pause.last(await self._seconds_after_a_look())

    async def _seconds_after_a_look(self) -> float:
        """Take in hand what is due; seconds until the next look."""
        journal = self._worker.adapters.journal
        try:
            due = await journal.due_bulk_acts(_MOST_AT_ONCE + len(self._in_hand))
            for act in due.acts:
                if act.bulk_id not in self._in_hand and len(self._in_hand) < _MOST_AT_ONCE:
                    self._take(act, due.now)
            is_more = await self._delete_expired()
        except JournalError as error:
            _log.debug("bulk acts cannot be looked for: %s", error)
            return _RETRY_SECONDS
        if due.acts or is_more:
            return _RETRY_SECONDS
        if due.next_at is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(_RETRY_SECONDS, (due.next_at - due.now) / _NANOSECONDS))

    async def _delete_expired(self) -> bool:
        """Delete some of what has expired, now and then; whether there may be more."""
        clock = self._worker.adapters.clock
        if clock.elapsed() - self._expired_at < _EXPIRY_SECONDS * _NANOSECONDS:
            return False
        if await self._worker.adapters.journal.delete_expired_bulk_acts(_MOST_DELETED):
            return True
        self._expired_at = clock.elapsed()
        return False

    def _take(self, act: BulkAct, now: int) -> None:
        task = asyncio.ensure_future(self._carry_on(act, now))
        self._in_hand[act.bulk_id] = task
        task.add_done_callback(lambda _: self._in_hand.pop(act.bulk_id, None))

    async def _carry_on(self, act: BulkAct, now: int) -> None:
        """Carry it on, unless another replica was first."""
        taken = replace(act, owner=self._worker.owner, not_before=now + LEASE_NANOSECONDS)
        try:
            if await self._worker.adapters.journal.note_bulk_act(taken):
                kept = replace(taken, revision=taken.revision + 1)
                await BulkRun(kept, self._sagas, self._worker).carry_on()
                _log.info("bulk act %s has come through", act.bulk_id)
        except TakenOver:
            _log.info("bulk act %s is carried on here no more", act.bulk_id)
        except JournalError as error:
            _log.info("bulk act %s is carried on in a few seconds: %s", act.bulk_id, error)
        except Exception:  # noqa: BLE001 - one bulk act must not keep the others waiting
            _log.critical("bulk act %s cannot be carried on", act.bulk_id, exc_info=True)
