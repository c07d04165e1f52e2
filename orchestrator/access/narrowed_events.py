"""The outbox as a caller sees it who is narrowed to some sagas: not at all, for events and sinks are of all sagas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.access.narrowed import narrowing
from orchestrator.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.outbox import DeadLetter, KeptEvent, SinkAct, SinkActs, SinkRecord


class NarrowedEvents:
    """The outbox, :class:`~orchestrator.ports.outbox.SinkActs`, for the present caller.

    Each method raises :class:`~orchestrator.errors.NotAllowed` where the caller sees some sagas only.

    Args:
        outbox: itself.
    """

    def __init__(self, outbox: SinkActs) -> None:
        self._outbox = outbox

    async def events(self, after: int, limit: int, saga_id: str = "", until: int | None = None) -> list[KeptEvent]:
        """See the port."""
        return await self._whole().events(after, limit, saga_id, until)

    async def position_at(self, instant: int) -> int:
        """See the port."""
        return await self._whole().position_at(instant)

    async def sinks(self) -> list[SinkRecord]:
        """See the port."""
        return await self._whole().sinks()

    async def dead_letters(self, sink: str, after: int, limit: int) -> list[DeadLetter]:
        """See the port."""
        return await self._whole().dead_letters(sink, after, limit)

    async def sink_acts(self, sink: str, limit: int) -> list[SinkAct]:
        """See the port."""
        return await self._whole().sink_acts(sink, limit)

    async def note_sink_act(self, sink: str, act: str, requested_by: str) -> None:
        """See the port."""
        await self._whole().note_sink_act(sink, act, requested_by)

    async def replay(self, sink: str, position: int) -> bool:
        """See the port."""
        return await self._whole().replay(sink, position)

    async def retry_dead_letters(self, sink: str, positions: Sequence[int]) -> int:
        """See the port."""
        return await self._whole().retry_dead_letters(sink, positions)

    async def forget_sink(self, sink: str) -> bool:
        """See the port."""
        return await self._whole().forget_sink(sink)

    def _whole(self) -> SinkActs:
        if narrowing():
            raise NotAllowed("NARROWED", "events are of all sagas, and you see some of them")
        return self._outbox
