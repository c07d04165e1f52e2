"""What the workflow of a bulk act has done outside: so many of its sagas are asked at once, and their answers noted.

Purpose: each saga is acted on once. Invariant: an attempt that is repeated asks the same sagas, with the same requests;
it looks first into their journals for what was done, and where somebody has stopped the bulk act, it does no more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from temporalio import activity

from orchestrator.engine.bulk.sagas import Told
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.activities import heartbeats
from orchestrator.engine.temporal.bulk.standing import ROUNDS
from orchestrator.engine.temporal.wire import read, write
from orchestrator.ports.bulk_acts import BulkStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.engine.bulk.facade import BulkActs
    from orchestrator.engine.bulk.sagas import BulkSagas
    from orchestrator.engine.temporal.bulk.pages import Pages
    from orchestrator.ports.bulk_acts import BulkAct, BulkSaga
    from orchestrator.ports.clock import Clock

AT_ONCE: Final = 50


class AskingSagas:
    """The activities of one worker process.

    Args:
        bulk: tells how bulk acts stand.
        pages: their sagas.
        sagas: acts on one saga.
        clock: the time.
    """

    def __init__(self, bulk: BulkActs, pages: Pages, sagas: BulkSagas, clock: Clock) -> None:
        self._bulk = bulk
        self._pages = pages
        self._sagas = sagas
        self._clock = clock

    @activity.defn(name=names.ASK_BULK)
    async def ask(self, about: bytes) -> bytes:
        """Ask the next sagas of a round; up to which position, 0 where none is left, and how their answers changed."""
        asked = read(about)
        number = asked["round"]
        async with heartbeats():
            act = await self._bulk.get(asked["bulk_id"])
            found = await self._pages.sagas(act, asked["after"], AT_ONCE, ROUNDS[number], before=number)
            way = self._way(act.status)
            told = await asyncio.gather(*(way(act, saga) for saga in found), return_exceptions=True)
            now = self._clock.now()
            noted = [_answered(saga, each, now) for saga, each in zip(found, told, strict=True)]
            await self._pages.note(act.bulk_id, number, noted)
        changes = [(old.answer.value, new.answer.value) for old, new in zip(found, noted, strict=True)]
        return write(until=found[-1].position if found else 0, changes=changes)

    @activity.defn(name=names.CLOSE_BULK)
    async def close(self, about: bytes) -> None:
        """Nothing more is noted of a bulk act."""
        await self._pages.close(**read(about))

    def _way(self, status: BulkStatus) -> Callable[[BulkAct, BulkSaga], Awaitable[Told]]:
        """What is asked of the sagas of a bulk act that stands so."""
        match status:
            case BulkStatus.CHECKING:
                return self._sagas.check
            case BulkStatus.RUNNING:
                return self._sagas.carry_out
            case BulkStatus.STOPPING:
                return self._sagas.look_back
        return _leave


def _answered(saga: BulkSaga, told: Told | BaseException, now: int) -> BulkSaga:
    """A saga with what it has answered. Where one is to be asked again, it is raised now: none is still being asked."""
    if isinstance(told, BaseException):
        raise told
    answered_at = saga.answered_at if told.answer is saga.answer else now
    return saga._replace(**told._asdict(), answered_at=answered_at)


async def _leave(_act: BulkAct, saga: BulkSaga) -> Told:
    return Told(saga.answer, saga.reason, saga.message)
