"""Bulk acts in the journal's file."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.ports.bulk_acts import DueBulkActs
from orchestrator.ports.bulk_document import from_document, from_row, to_document, to_row

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Collection, Sequence

    from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga


class SqliteBulkActs:
    """The :class:`~orchestrator.ports.bulk_acts.KeptBulkActs` of one file.

    Args:
        now: the store's clock.
        write: has something written, or read, in a transaction; the future is done with its result.
        run: a named statement with its values, within that transaction.
    """

    def __init__(
        self,
        now: Callable[[], int],
        write: Callable[[Callable[[], Any]], Future[Any]],
        run: Callable[[str, Any], list[Any]],
    ) -> None:
        self._bulk_clock = now
        self._in_bulk_transaction = write
        self._run_bulk = run

    async def create_bulk_act(self, act: BulkAct) -> bool:
        """See the port."""
        values = {"bulk_id": act.bulk_id, "revision": act.revision, **_changing(act)}
        return bool(await self._ask_bulk("create_bulk_act", values))

    async def add_bulk_sagas(self, bulk_id: str, sagas: Sequence[BulkSaga]) -> None:
        """See the port."""
        await self._ask_bulk("add_bulk_sagas", {"bulk_id": bulk_id, "rows": _rows(sagas)})

    async def find_bulk_act(self, bulk_id: str) -> BulkAct | None:
        """See the port."""
        rows = await self._ask_bulk("find_bulk_act", (bulk_id,))
        return from_document(*rows[0]) if rows else None

    async def list_bulk_acts(self, before: str, limit: int) -> Sequence[BulkAct]:
        """See the port."""
        rows = await self._ask_bulk("list_bulk_acts", {"before": before, "limit": limit})
        return [from_document(*row) for row in rows]

    async def bulk_sagas(
        self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()
    ) -> Sequence[BulkSaga]:
        """See the port."""
        wanted = json.dumps([each.value for each in answers]) if answers else None
        values = {"bulk_id": bulk_id, "after": after, "limit": limit, "answers": wanted}
        return [from_row(row) for row in await self._ask_bulk("bulk_sagas", values)]

    async def due_bulk_acts(self, limit: int) -> DueBulkActs:
        """See the port."""
        now = self._bulk_clock()
        rows = await self._ask_bulk("due_bulk_acts", (now, limit))
        ((next_at,),) = await self._ask_bulk("next_bulk_act", (now,))
        return DueBulkActs(now, [from_document(*row) for row in rows], next_at)

    async def note_bulk_act(self, act: BulkAct, answered: Sequence[BulkSaga] = ()) -> bool:
        """See the port."""

        def note() -> bool:
            values = {"bulk_id": act.bulk_id, "revision": act.revision, **_changing(act)}
            if not self._run_bulk("replace_bulk_act", values):
                return False
            if answered:
                self._run_bulk("note_bulk_sagas", {"bulk_id": act.bulk_id, "rows": _rows(answered)})
            return True

        noted: bool = await self._in_bulk_transaction(note)
        return noted

    async def delete_expired_bulk_acts(self, most: int) -> int:
        """See the port."""
        values = {"now": self._bulk_clock(), "most": most}
        sagas = await self._ask_bulk("delete_expired_bulk_sagas", values)
        return len(sagas) or len(await self._ask_bulk("delete_expired_bulk_acts", values))

    def _ask_bulk(self, name: str, values: Any) -> Future[list[Any]]:  # noqa: ANN401 - what sqlite3 binds
        return self._in_bulk_transaction(partial(self._run_bulk, name, values))


def _changing(act: BulkAct) -> dict[str, object]:
    return {"due_at": act.due_at, "expires_at": act.expires_at, "document": to_document(act)}


def _rows(sagas: Sequence[BulkSaga]) -> str:
    return json.dumps([to_row(saga) for saga in sagas])
