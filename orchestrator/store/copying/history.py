"""Copies into a journal the sagas that another engine has brought to their ends, so that they outlive it.

Purpose: what an engine forgets one day can be read for as long as a journal keeps it. Invariant: no saga is carried on
in two places: one that may go on, be it by itself or by an operator, is left where it is. What was copied before is
compared, and not copied again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.store.copying.sagas import OWNER, copy_sagas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.ports.history import History
    from orchestrator.ports.journal import Journal
    from orchestrator.store.copying.sagas import CopyProgress


async def copy_history(
    source: History, target: Journal, told: Callable[[CopyProgress], None]
) -> tuple[CopyProgress, Mapping[str, int]]:
    """Copy every saga that has ended, and compare every entry; how many others are left, by what they are.

    Args:
        source: the engine's history. It may go on with its sagas.
        target: the journal. Replicas may have it already.
        told: is told of the progress, now and then.

    Raises:
        JournalsDiffer: the journal holds something else of a saga.
        JournalUnavailable: one of the two cannot be used; the copy goes on when it is repeated.
    """
    saga_ids, left = await source.ended()
    progress = await copy_sagas(source.read, saga_ids, target, told)
    await target.release(OWNER)
    await target.forget([OWNER])
    return progress, left
