"""Which sagas kept the event loop to themselves when their process was ended: a table of the database.

In a file of the host the note would be read by that host's next process alone; but any replica may be the next to
recover such a saga, and would hang as well. The loop hangs when the note is written: so each call has a loop, a thread
and a connection of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from orchestrator.errors import JournalUnavailable
from orchestrator.store.postgres.connecting import Connection, Failed
from orchestrator.store.postgres.queries import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class FrozenTable:
    """The note of one database; see :class:`~orchestrator.ports.frozen_note.FrozenNote`.

    Args:
        url: the database.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def read(self) -> dict[str, str]:
        """Where each saga's code hung, by the saga's id."""
        try:
            return {str(saga_id): str(place) for saga_id, place in self._ask("read_frozen")}
        except OSError:
            return {}

    def write(self, saga_id: str, where: str) -> None:
        """Note one more saga; from any thread.

        Raises:
            OSError: the database cannot be written.
        """
        self._ask("write_frozen", saga_id, where)

    def clear(self, saga_ids: Collection[str]) -> None:
        """These sagas are suspended, or yield again; from any thread."""
        with contextlib.suppress(OSError):  # a saga that is suspended already is not suspended again
            self._ask("clear_frozen", list(saga_ids))

    def _ask(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="frozen-note") as thread:
            return thread.submit(asyncio.run, self._fetch(statement, *values)).result()

    async def _fetch(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        try:
            connection = await Connection.open(self._url)
            try:
                return await connection.fetch(queries()[statement], *values)
            finally:
                await connection.close()
        except (JournalUnavailable, *Failed) as error:
            raise OSError(f"the note of the journal: {error}") from None
