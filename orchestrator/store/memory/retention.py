"""Sagas that have ended, for a store in memory: they are listed, deleted, and remembered by their tombstones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import ENDED
from orchestrator.ports.retention import Tombstone, tombstone_key
from orchestrator.store.rows.tombstones import page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.retention import EndedPage
    from orchestrator.store.memory.claims import Kept


class RetentionInMemory:
    """The :class:`~orchestrator.ports.retention.Retention` of a store, in dictionaries.

    Args:
        now: the time of the store, nanoseconds since the epoch, UTC.
        sagas: all sagas by their ids, which other handles have too; so it is with the tombstones.
        tombstones: by their keys.
    """

    def __init__(self, now: Callable[[], int], sagas: dict[str, Kept], tombstones: dict[bytes, Tombstone]) -> None:
        self._now = now
        self._sagas = sagas
        self._tombstones = tombstones

    async def ended(self, position: int, limit: int) -> EndedPage:
        """See the port. A position is the number of a saga."""
        later = [(kept.number, kept.record) for kept in self._sagas.values() if kept.number > position][:limit]
        return page_of([(number, r.saga_id, r.definition, r.status.value, r.ended_at) for number, r in later], limit)

    async def family(self, saga_id: str) -> list[str]:
        """See the port."""
        return sorted(each for each in self._sagas if each == saga_id or each.startswith(f"{saga_id}/"))

    async def delete_ended(self, saga_ids: Sequence[str]) -> list[str]:
        """See the port."""
        now, deleted = self._now(), []
        for saga_id in saga_ids:
            members = [self._sagas[member] for member in await self.family(saga_id)]
            if members and all(kept.record.status in ENDED and kept.owner is None for kept in members):
                deleted.append(saga_id)
                for kept in members:
                    self._bury(kept.record, now)
        return deleted

    async def find_tombstone(self, saga_id: str) -> Tombstone | None:
        """See the port."""
        return self._tombstones.get(tombstone_key(saga_id))

    async def tombstones(self, after: bytes, limit: int) -> list[Tombstone]:
        """See the port."""
        return [self._tombstones[key] for key in sorted(self._tombstones) if key > after][:limit]

    async def shrink(self) -> None:
        """See the port. The room is used again."""

    async def keep_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """See the port."""
        for tombstone in tombstones:
            self._tombstones.setdefault(tombstone.key, tombstone)

    def _bury(self, record: SagaRecord, now: int) -> None:
        assert record.ended_at is not None
        key = tombstone_key(record.saga_id)
        self._tombstones.setdefault(key, Tombstone(key, record.status, record.ended_at, now))
        del self._sagas[record.saga_id]
