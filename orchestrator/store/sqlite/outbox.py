"""The outbox in the journal's file. Its one writer gives out the positions, so their order is that of the commits."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.ports.outbox import BlockedSaga, DeadLetter, SinkAct, SinkClaim
from orchestrator.store.rows.events import kept_event
from orchestrator.store.sqlite.queries import queries

if TYPE_CHECKING:
    import sqlite3
    from asyncio import Future
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.outbox import KeptEvent, SinkProgress


class SqliteOutbox:
    """The :class:`~orchestrator.ports.outbox.Outbox` of one file.

    Args:
        now: the store's clock.
        write: has something written, or read, in a transaction; the future is done with its result.
        run: a named statement with its values, within that transaction.
        read: has the file read beside the one who writes.
    """

    def __init__(
        self,
        now: Callable[[], int],
        write: Callable[[Callable[[], Any]], Future[Any]],
        run: Callable[[str, Any], list[Any]],
        read: Callable[[Callable[[sqlite3.Connection], list[Any]]], Awaitable[list[Any]]],
    ) -> None:
        self._outbox_clock = now
        self._in_outbox_transaction = write
        self._run_outbox = run
        self._read_file = read

    async def events(self, after: int, limit: int, saga_id: str = "", until: int | None = None) -> list[KeptEvent]:
        """See the port."""
        values = {"after": after, "limit": limit, "until": until, "saga_id": saga_id}
        rows = await self._read_outbox("events_of_saga" if saga_id else "events", values)
        return [kept_event(row) for row in rows]

    async def position_at(self, instant: int) -> int:
        """See the port."""
        return int((await self._read_outbox("position_at", (instant,)))[0][0])

    async def dead_letters(self, sink: str, after: int, limit: int) -> list[DeadLetter]:
        """See the port."""
        return [DeadLetter(*row) for row in await self._read_outbox("dead_letters", (sink, after, limit))]

    async def claim_sink(self, sink: str, owner: str, lease: int) -> SinkClaim | None:
        """See the port."""
        now = self._outbox_clock()

        def claim() -> SinkClaim | None:
            rows = self._run_outbox("claim_sink", {"sink": sink, "owner": owner, "lease": lease, "now": now})
            if not rows:
                return None
            ((has_blocked,),) = self._run_outbox("has_blocked", (sink,))
            retried = [DeadLetter(*row) for row in self._run_outbox("retried_letters", (sink,))]
            ((token, position),) = rows
            return SinkClaim(token, position, now, bool(has_blocked), retried)

        claimed: SinkClaim | None = await self._in_outbox_transaction(claim)
        return claimed

    async def blocked_sagas(self, sink: str, saga_ids: Collection[str]) -> list[BlockedSaga]:
        """See the port."""
        rows = await self._read_outbox("blocked_sagas", (json.dumps(list(saga_ids)), sink))
        return [BlockedSaga(*row) for row in rows]

    async def waiting_sagas(self, sink: str, due: int, limit: int) -> list[BlockedSaga]:
        """See the port."""
        return [BlockedSaga(*row) for row in await self._read_outbox("waiting_sagas", (sink, due, limit))]

    async def note_progress(self, sink: str, token: int, progress: SinkProgress) -> bool:
        """See the port."""

        def note() -> bool:
            values = {"sink": sink, "token": token, "position": progress.position, "error": progress.error}
            if not self._run_outbox("advance_sink", {**values, "failing_since": progress.failing_since}):
                return False
            for blocked in progress.blocked:
                self._run_outbox("block_saga", (sink, *blocked))
            for saga_id in progress.freed:
                self._run_outbox("free_saga", (sink, saga_id))
            for dead in progress.dead:
                self._run_outbox("bury_event", (sink, *dead))
            for position in progress.revived:
                self._run_outbox("revive_event", (sink, position))
            return True

        noted: bool = await self._in_outbox_transaction(note)
        return noted

    async def release_sink(self, sink: str, owner: str) -> None:
        """See the port."""
        await self._ask_outbox("release_sink", (sink, owner))

    async def sink_acts(self, sink: str, limit: int) -> list[SinkAct]:
        """See the port."""
        return [SinkAct(*row) for row in await self._read_outbox("sink_acts", (sink, limit))]

    async def note_sink_act(self, sink: str, act: str, requested_by: str) -> None:
        """See the port."""
        await self._ask_outbox("note_sink_act", (sink, self._outbox_clock(), act, requested_by))

    async def replay(self, sink: str, position: int) -> bool:
        """See the port."""

        def rewind() -> bool:
            rows = self._run_outbox("rewind_sink", {"sink": sink, "position": position})
            for (reached,) in rows:
                self._run_outbox("unblock_after", (sink, reached))
                self._run_outbox("unbury_after", (sink, reached))
            return bool(rows)

        rewound: bool = await self._in_outbox_transaction(rewind)
        return rewound

    async def retry_dead_letters(self, sink: str, positions: Sequence[int]) -> int:
        """See the port."""
        named = json.dumps(list(positions)) if positions else None
        values = {"sink": sink, "positions": named, "now": self._outbox_clock()}
        return len(await self._ask_outbox("retry_dead_letters", values))

    async def forget_sink(self, sink: str) -> bool:
        """See the port."""

        def forget() -> bool:
            self._run_outbox("forget_dead_letters", (sink,))
            self._run_outbox("forget_blocked_sagas", (sink,))
            return bool(self._run_outbox("forget_sink", (sink,)))

        forgotten: bool = await self._in_outbox_transaction(forget)
        return forgotten

    async def keep_events(self, events: Sequence[OutboxEvent]) -> None:
        """See the port."""

        def keep() -> None:
            for event in events:
                self._run_outbox("tell_event", tuple(event))

        await self._in_outbox_transaction(keep)

    async def delete_events(self, before: int, limit: int) -> int:
        """See the port."""
        return len(await self._ask_outbox("delete_events", {"before": before, "limit": limit}))

    async def _read_outbox(self, name: str, values: Any) -> list[Any]:  # noqa: ANN401 - what sqlite3 binds
        return await self._read_file(lambda database: database.execute(queries()[name], values).fetchall())

    def _ask_outbox(self, name: str, values: Any) -> Future[list[Any]]:  # noqa: ANN401 - what sqlite3 binds
        return self._in_outbox_transaction(partial(self._run_outbox, name, values))
