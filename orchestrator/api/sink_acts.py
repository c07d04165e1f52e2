"""What people do to sinks: written down with who did it, before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.access.subject import actor
from orchestrator.errors import SinkNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.outbox import SinkActs


async def replay_events(outbox: SinkActs, sink: str, after: int) -> None:
    """Have a sink told every event after a position once more.

    Raises:
        SinkNotFound: there is no such sink; so it is with the next ones.
    """
    await _note(outbox, sink, f"replayed from position {after + 1}")
    if not await outbox.replay(sink, after):
        raise SinkNotFound(sink)


async def retry_dead_letters(outbox: SinkActs, sink: str, positions: Sequence[int]) -> int:
    """Have these dead letters of a sink tried again, or all where none is named; how many."""
    await _note(outbox, sink, f"dead letters tried again: {', '.join(map(str, positions)) or 'all'}")
    return await outbox.retry_dead_letters(sink, positions)


async def forget_sink(outbox: SinkActs, sink: str) -> None:
    """Remember a sink no more."""
    await _note(outbox, sink, "forgotten")
    if not await outbox.forget_sink(sink):
        raise SinkNotFound(sink)


async def _note(outbox: SinkActs, sink: str, act: str) -> None:
    if sink not in {each.name for each in await outbox.sinks()}:
        raise SinkNotFound(sink)
    who = actor()
    known = ", ".join(filter(None, (who.authority, who.peer)))
    await outbox.note_sink_act(sink, act, f"{who.name} ({known})" if known else who.name)
