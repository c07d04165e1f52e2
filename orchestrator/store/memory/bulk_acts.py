"""Bulk acts in dictionaries: for a store in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.ports.bulk_acts import DueBulkActs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga


@dataclass(slots=True)
class BulkState:
    """All bulk acts of one store, for all handles on it, by id; and the sagas of each, by position."""

    acts: dict[str, BulkAct] = field(default_factory=dict)
    sagas: dict[str, dict[int, BulkSaga]] = field(default_factory=dict)


class BulkActsInMemory:
    """The :class:`~orchestrator.ports.bulk_acts.KeptBulkActs` of a store, in dictionaries.

    Args:
        now: the store's clock.
        state: what other handles have too.
    """

    def __init__(self, now: Callable[[], int], state: BulkState) -> None:
        self._bulk_clock = now
        self._bulk = state

    async def create_bulk_act(self, act: BulkAct) -> bool:
        """See the port."""
        if act.bulk_id in self._bulk.acts:
            return False
        self._bulk.acts[act.bulk_id], self._bulk.sagas[act.bulk_id] = act, {}
        return True

    async def add_bulk_sagas(self, bulk_id: str, sagas: Sequence[BulkSaga]) -> None:
        """See the port."""
        for saga in sagas:
            self._bulk.sagas[bulk_id].setdefault(saga.position, saga)

    async def find_bulk_act(self, bulk_id: str) -> BulkAct | None:
        """See the port."""
        return self._bulk.acts.get(bulk_id)

    async def list_bulk_acts(self, before: str, limit: int) -> Sequence[BulkAct]:
        """See the port."""
        ids = sorted((each for each in self._bulk.acts if not before or each < before), reverse=True)
        return [self._bulk.acts[bulk_id] for bulk_id in ids[:limit]]

    async def bulk_sagas(
        self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()
    ) -> Sequence[BulkSaga]:
        """See the port."""
        sagas = self._bulk.sagas.get(bulk_id, {})
        later = (sagas[position] for position in sorted(sagas) if position > after)
        return [saga for saga in later if not answers or saga.answer in answers][:limit]

    async def due_bulk_acts(self, limit: int) -> DueBulkActs:
        """See the port. The clock is asked where there is something that may be due."""
        waiting = sorted(
            (due_at, each.bulk_id) for each in self._bulk.acts.values() if (due_at := each.due_at) is not None
        )
        if not waiting:
            return DueBulkActs(0, [], None)
        now = self._bulk_clock()
        due = [self._bulk.acts[bulk_id] for due_at, bulk_id in waiting if due_at <= now]
        return DueBulkActs(now, due[:limit], next((due_at for due_at, _ in waiting if due_at > now), None))

    async def note_bulk_act(self, act: BulkAct, answered: Sequence[BulkSaga] = ()) -> bool:
        """See the port."""
        kept = self._bulk.acts.get(act.bulk_id)
        if kept is None or kept.revision != act.revision:
            return False
        self._bulk.acts[act.bulk_id] = replace(act, revision=act.revision + 1)
        self._bulk.sagas[act.bulk_id].update((saga.position, saga) for saga in answered)
        return True

    async def delete_expired_bulk_acts(self, most: int) -> int:
        """See the port."""
        expiring = [each for each in self._bulk.acts.values() if each.expires_at is not None]
        now = self._bulk_clock() if expiring else 0
        deleted = 0
        for act in expiring:
            if act.expires_at is not None and act.expires_at <= now and deleted < most:
                deleted += 1 + len(self._bulk.sagas.pop(act.bulk_id))
                del self._bulk.acts[act.bulk_id]
        return deleted
