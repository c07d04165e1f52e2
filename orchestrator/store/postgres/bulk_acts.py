"""Bulk acts beside the journal, shared by all replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.ports.bulk_acts import DueBulkActs
from orchestrator.ports.bulk_document import from_document, from_row, to_document, to_row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga


class PostgresBulkActs:
    """The :class:`~orchestrator.ports.bulk_acts.KeptBulkActs` of a database.

    Args:
        ask: a named statement with its values; its rows.
    """

    def __init__(self, ask: Callable[..., Awaitable[Sequence[Sequence[Any]]]]) -> None:
        self._ask_bulk = ask

    async def create_bulk_act(self, act: BulkAct) -> bool:
        """See the port."""
        values = (act.bulk_id, act.revision, act.due_at, act.expires_at, to_document(act))
        return bool(await self._ask_bulk("create_bulk_act", *values))

    async def add_bulk_sagas(self, bulk_id: str, sagas: Sequence[BulkSaga]) -> None:
        """See the port."""
        await self._ask_bulk("add_bulk_sagas", bulk_id, *_columns(sagas))

    async def find_bulk_act(self, bulk_id: str) -> BulkAct | None:
        """See the port."""
        rows = await self._ask_bulk("find_bulk_act", bulk_id) if "\0" not in bulk_id else []
        return from_document(*rows[0]) if rows else None

    async def list_bulk_acts(self, before: str, limit: int) -> Sequence[BulkAct]:
        """See the port."""
        rows = await self._ask_bulk("list_bulk_acts", before, limit) if "\0" not in before else []
        return [from_document(*row) for row in rows]

    async def bulk_sagas(
        self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()
    ) -> Sequence[BulkSaga]:
        """See the port."""
        wanted = [each.value for each in answers] or None
        return [from_row(row) for row in await self._ask_bulk("bulk_sagas", bulk_id, after, limit, wanted)]

    async def due_bulk_acts(self, limit: int) -> DueBulkActs:
        """See the port."""
        rows = await self._ask_bulk("due_bulk_acts", limit)
        now, next_at, *_ = rows[0]
        found = [from_document(document, revision) for *_, document, revision in rows if document is not None]
        return DueBulkActs(now, found, next_at)

    async def note_bulk_act(self, act: BulkAct, answered: Sequence[BulkSaga] = ()) -> bool:
        """See the port."""
        positions, _, *answers = _columns(answered)
        values = (act.bulk_id, act.revision, act.due_at, act.expires_at, to_document(act), positions, *answers)
        return bool(await self._ask_bulk("note_bulk_act", *values))

    async def delete_expired_bulk_acts(self, most: int) -> int:
        """See the port."""
        sagas = await self._ask_bulk("delete_expired_bulk_sagas", most)
        return len(sagas) or len(await self._ask_bulk("delete_expired_bulk_acts", most))


def _columns(sagas: Sequence[BulkSaga]) -> list[list[Any]]:
    return [list(column) for column in zip(*map(to_row, sagas), strict=True)] or [[] for _ in range(5)]
