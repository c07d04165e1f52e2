"""Moves the bulk acts of one journal to another, where they go on.

A bulk act that is being copied counts as one whose sagas are being written down, so that no replica of the new journal
carries it on before all of them are there. One that was copied before is left as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.ports.bulk_acts import BulkStatus

if TYPE_CHECKING:
    from orchestrator.ports.bulk_acts import BulkAct, KeptBulkActs

_PAGE: Final = 500


async def copy_bulk_acts(source: KeptBulkActs, target: KeptBulkActs) -> int:
    """Copy every bulk act with its sagas; how many there are.

    Raises:
        JournalUnavailable: one of the two cannot be used; the copy goes on when it is repeated.
    """
    copied, last = 0, ""
    while page := await source.list_bulk_acts(last, _PAGE):
        for act in page:
            await _copy(source, target, act)
        copied, last = copied + len(page), page[-1].bulk_id
    return copied


async def _copy(source: KeptBulkActs, target: KeptBulkActs, act: BulkAct) -> None:
    await target.create_bulk_act(replace(act, status=BulkStatus.FREEZING))
    there = await target.find_bulk_act(act.bulk_id)
    if there is None or there.status is not BulkStatus.FREEZING:
        return
    after = 0
    while sagas := await source.bulk_sagas(act.bulk_id, after, _PAGE):
        await target.add_bulk_sagas(act.bulk_id, sagas)
        after = sagas[-1].position
    await target.note_bulk_act(replace(act, revision=there.revision))
