"""Moves the events of one journal to another that some sink has not been told of.

Positions are the new journal's own, so every sink begins there with the first of what was moved: what it was told
before may be told once more, with the same id. What was moved before an interruption is not moved again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.ports.outbox import Outbox

_PAGE: Final = 500


async def copy_events(source: Outbox, target: Outbox) -> int:
    """Move every event that is wanted still; how many there are. The sagas have been copied, and nobody advances them.

    Raises:
        JournalUnavailable: one of the two cannot be used; the copy goes on when it is repeated.
    """
    after, moved = await _first_wanted(source), 0
    while page := await source.events(after, _PAGE):
        there = set[str]()
        for saga_id in {kept.event.saga_id for kept in page}:
            there.update(each.event.event_id for each in await target.events(0, _PAGE, saga_id))
        await target.keep_events([kept.event for kept in page if kept.event.event_id not in there])
        after, moved = page[-1].position, moved + len(page)
    return moved


async def _first_wanted(source: Outbox) -> int:
    """After which position something was not told; after none where there is no sink, or events of a saga wait."""
    sinks = await source.sinks()
    if any(sink.blocked for sink in sinks):
        return 0
    letters = [letter for sink in sinks for letter in await source.dead_letters(sink.name, 0, 1)]
    return min([*(sink.position for sink in sinks), *(letter.position - 1 for letter in letters)], default=0)
