"""The outbox of one replica's connection to a journal that all replicas of a world share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.outbox import (
        BlockedSaga,
        DeadLetter,
        KeptEvent,
        Outbox,
        SinkAct,
        SinkClaim,
        SinkProgress,
        SinkRecord,
    )


class OutboxConnection:
    """The :class:`~orchestrator.ports.outbox.Outbox` beneath, asked as everything that is no append.

    Args:
        outbox: the outbox beneath.
        ask: lets a question travel there, and its answer back.
    """

    def __init__(self, outbox: Outbox, ask: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]) -> None:
        self._kept_outbox = outbox
        self._ask_outbox = ask

    async def events(self, after: int, limit: int, saga_id: str = "", until: int | None = None) -> list[KeptEvent]:
        """See the port."""
        answer: list[KeptEvent] = await self._ask_outbox(lambda: self._kept_outbox.events(after, limit, saga_id, until))
        return answer

    async def position_at(self, instant: int) -> int:
        """See the port."""
        answer: int = await self._ask_outbox(lambda: self._kept_outbox.position_at(instant))
        return answer

    async def sinks(self) -> list[SinkRecord]:
        """See the port."""
        answer: list[SinkRecord] = await self._ask_outbox(self._kept_outbox.sinks)
        return answer

    async def dead_letters(self, sink: str, after: int, limit: int) -> list[DeadLetter]:
        """See the port."""
        answer: list[DeadLetter] = await self._ask_outbox(lambda: self._kept_outbox.dead_letters(sink, after, limit))
        return answer

    async def claim_sink(self, sink: str, owner: str, lease: int) -> SinkClaim | None:
        """See the port."""
        answer: SinkClaim | None = await self._ask_outbox(lambda: self._kept_outbox.claim_sink(sink, owner, lease))
        return answer

    async def blocked_sagas(self, sink: str, saga_ids: Collection[str]) -> list[BlockedSaga]:
        """See the port."""
        answer: list[BlockedSaga] = await self._ask_outbox(lambda: self._kept_outbox.blocked_sagas(sink, saga_ids))
        return answer

    async def waiting_sagas(self, sink: str, due: int, limit: int) -> list[BlockedSaga]:
        """See the port."""
        answer: list[BlockedSaga] = await self._ask_outbox(lambda: self._kept_outbox.waiting_sagas(sink, due, limit))
        return answer

    async def note_progress(self, sink: str, token: int, progress: SinkProgress) -> bool:
        """See the port."""
        answer: bool = await self._ask_outbox(lambda: self._kept_outbox.note_progress(sink, token, progress))
        return answer

    async def release_sink(self, sink: str, owner: str) -> None:
        """See the port."""
        await self._ask_outbox(lambda: self._kept_outbox.release_sink(sink, owner))

    async def sink_acts(self, sink: str, limit: int) -> list[SinkAct]:
        """See the port."""
        answer: list[SinkAct] = await self._ask_outbox(lambda: self._kept_outbox.sink_acts(sink, limit))
        return answer

    async def note_sink_act(self, sink: str, act: str, requested_by: str) -> None:
        """See the port."""
        await self._ask_outbox(lambda: self._kept_outbox.note_sink_act(sink, act, requested_by))

    async def replay(self, sink: str, position: int) -> bool:
        """See the port."""
        answer: bool = await self._ask_outbox(lambda: self._kept_outbox.replay(sink, position))
        return answer

    async def retry_dead_letters(self, sink: str, positions: Sequence[int]) -> int:
        """See the port."""
        answer: int = await self._ask_outbox(lambda: self._kept_outbox.retry_dead_letters(sink, positions))
        return answer

    async def forget_sink(self, sink: str) -> bool:
        """See the port."""
        answer: bool = await self._ask_outbox(lambda: self._kept_outbox.forget_sink(sink))
        return answer

    async def keep_events(self, events: Sequence[OutboxEvent]) -> None:
        """See the port."""
        await self._ask_outbox(lambda: self._kept_outbox.keep_events(events))

    async def delete_events(self, before: int, limit: int) -> int:
        """See the port."""
        answer: int = await self._ask_outbox(lambda: self._kept_outbox.delete_events(before, limit))
        return answer
