"""The outbox beside the journal, shared by all replicas.

Transactions overtake one another, so an event gets its position only once it can be read: a reader numbers what is new
before it reads, one reader at a time; see the migration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.journal.events import OutboxEvent
from orchestrator.ports.outbox import BlockedSaga, DeadLetter, SinkAct, SinkClaim
from orchestrator.store.rows.events import kept_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from orchestrator.ports.outbox import KeptEvent, SinkProgress

_MOST_AT_ONCE: Final = 5_000
"""Events that one transaction numbers."""


class PostgresOutbox:
    """The :class:`~orchestrator.ports.outbox.Outbox` of a database.

    Args:
        ask: a named statement with its values; its rows.
    """

    def __init__(self, ask: Callable[..., Awaitable[Sequence[Sequence[Any]]]]) -> None:
        self._ask_outbox = ask

    async def events(self, after: int, limit: int, saga_id: str = "", until: int | None = None) -> list[KeptEvent]:
        """See the port."""
        if "\0" in saga_id:
            return []
        await self._ask_outbox("number_events", _MOST_AT_ONCE)
        if saga_id:
            rows = await self._ask_outbox("events_of_saga", after, limit, until, saga_id)
        else:
            rows = await self._ask_outbox("events", after, limit, until)
        return [kept_event(row) for row in rows]

    async def position_at(self, instant: int) -> int:
        """See the port."""
        return int((await self._ask_outbox("position_at", instant))[0][0])

    async def dead_letters(self, sink: str, after: int, limit: int) -> list[DeadLetter]:
        """See the port."""
        return [DeadLetter(*row) for row in await self._ask_outbox("dead_letters", sink, after, limit)]

    async def claim_sink(self, sink: str, owner: str, lease: int) -> SinkClaim | None:
        """See the port."""
        rows = await self._ask_outbox("claim_sink", sink, owner, lease)
        if not rows:
            return None
        ((has_blocked,),) = await self._ask_outbox("has_blocked", sink)
        retried = [DeadLetter(*row) for row in await self._ask_outbox("retried_letters", sink)]
        ((token, position, now),) = rows
        return SinkClaim(token, position, now, bool(has_blocked), retried)

    async def blocked_sagas(self, sink: str, saga_ids: Collection[str]) -> list[BlockedSaga]:
        """See the port."""
        return [BlockedSaga(*row) for row in await self._ask_outbox("blocked_sagas", sink, list(saga_ids))]

    async def waiting_sagas(self, sink: str, due: int, limit: int) -> list[BlockedSaga]:
        """See the port."""
        return [BlockedSaga(*row) for row in await self._ask_outbox("waiting_sagas", sink, due, limit)]

    async def note_progress(self, sink: str, token: int, progress: SinkProgress) -> bool:
        """See the port."""
        blocked = _columns(progress.blocked, len(BlockedSaga._fields))
        dead = _columns(progress.dead, len(DeadLetter._fields))
        about = (sink, token, progress.position, progress.failing_since, _without_nul(progress.error))
        *texts, errors = blocked
        *dead_texts, dead_errors, due_at = dead
        values = (
            *about,
            *texts,
            list(map(_without_nul, errors)),
            list(progress.freed),
            *dead_texts,
            list(map(_without_nul, dead_errors)),
            due_at,
            list(progress.revived),
        )
        ((noted,),) = await self._ask_outbox("note_progress", *values)
        return bool(noted)

    async def release_sink(self, sink: str, owner: str) -> None:
        """See the port."""
        await self._ask_outbox("release_sink", sink, owner)

    async def sink_acts(self, sink: str, limit: int) -> list[SinkAct]:
        """See the port."""
        return [SinkAct(*row) for row in await self._ask_outbox("sink_acts", sink, limit)]

    async def note_sink_act(self, sink: str, act: str, requested_by: str) -> None:
        """See the port."""
        await self._ask_outbox("note_sink_act", sink, act, _without_nul(requested_by))

    async def replay(self, sink: str, position: int) -> bool:
        """See the port."""
        ((rewound,),) = await self._ask_outbox("replay_events", sink, position)
        return bool(rewound)

    async def retry_dead_letters(self, sink: str, positions: Sequence[int]) -> int:
        """See the port."""
        return len(await self._ask_outbox("retry_dead_letters", sink, list(positions)))

    async def forget_sink(self, sink: str) -> bool:
        """See the port."""
        ((forgotten,),) = await self._ask_outbox("forget_sink", sink)
        return bool(forgotten)

    async def keep_events(self, events: Sequence[OutboxEvent]) -> None:
        """See the port."""
        await self._ask_outbox("keep_events", *_columns(events, len(OutboxEvent._fields)))

    async def delete_events(self, before: int, limit: int) -> int:
        """See the port."""
        await self._ask_outbox("number_events", _MOST_AT_ONCE)
        return len(await self._ask_outbox("delete_events", before, limit))


def _columns(rows: Sequence[Sequence[Any]], number: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(number)]


def _without_nul(text: str) -> str:
    """No text of PostgreSQL holds a NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
