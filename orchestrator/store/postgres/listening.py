r"""Hears what other replicas tell: LISTEN, on a connection of its own.

Purpose: see :mod:`orchestrator.store.postgres.telling`. Invariant: whatever was not heard is made up for: each time the
connection is there again, everything counts as told.

::

    (nobody listens yet) ──first call──▶ connecting ──▶ listening: everything is told once, then what comes
                                             ▲  │             │
                                             │  │ a pooler    └── lost, or silent to a question ──┐
                                             │  ▼                                                 │
                                             │  over: others look after a pause                   │
                                             └────────────── after a growing pause ◀──────────────┘

Behind a pooler in transaction mode a session is nobody's own, and what it listens for goes astray. There a URL that
leads to the database itself is needed, or nothing is heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalUnavailable
from orchestrator.store.gathered_wakes import GatheredWakes
from orchestrator.store.postgres.connecting import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Connection, Failed
from orchestrator.store.postgres.refusals import shown
from orchestrator.store.postgres.telling import CHANNEL, heard

if TYPE_CHECKING:
    from orchestrator.ports.wakes import Woken

_log = logging.getLogger(__name__)

_QUESTION_SECONDS: Final = 10.0
"""How often a connection on which nothing comes is asked whether it is still there."""


class Listening:
    """What one handle hears.

    Args:
        url: a database, and the way to it.
        name: of the handle; what it tells itself is not heard.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._heard = GatheredWakes()
        self._task: asyncio.Task[None] | None = None

    async def woken(self) -> Woken:
        """See the port."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._listen_again_and_again())
        return await self._heard.take()

    async def close(self) -> None:
        """Hear nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _listen_again_and_again(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                connection = await Connection.open(self._url)
            except JournalUnavailable as error:
                _log.debug("nothing is heard of other replicas, trying again: %s", error)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            try:
                if not connection.is_direct:
                    return self._give_up()
                await self._listen(connection)
                pause = FIRST_PAUSE_SECONDS
            except Failed as error:
                _log.debug("the connection that hears of other replicas is lost: %s", error)
            finally:
                await connection.close()
            await asyncio.sleep(FIRST_PAUSE_SECONDS)

    async def _listen(self, connection: Connection) -> None:
        """Hear what comes, until the connection is lost."""
        lost = asyncio.Event()
        await connection.listen(CHANNEL, self._hear, lost.set)
        self._heard.add_all()
        while not lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_QUESTION_SECONDS):
                    await lost.wait()
                    return
            await connection.fetch("SELECT 1")

    def _hear(self, text: str) -> None:
        for kind, saga_ids in heard(self._name, text).items():
            self._heard.add(kind, saga_ids)

    def _give_up(self) -> None:
        _log.warning(
            "%s leads through a pooler, so nothing is heard of other replicas, and what they do is noticed later: set "
            "ORCHESTRATOR_JOURNAL_LISTEN to a URL that leads to the database itself",
            shown(self._url),
        )
