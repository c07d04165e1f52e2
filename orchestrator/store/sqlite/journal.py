"""The journal in one SQLite file.

Writes go through :class:`~orchestrator.store.sqlite.group_commit.GroupCommit`. A refused append (claim lost,
sequence conflict, saga exists) has written nothing and does not disturb the others; nor does one that SQLite cannot
take, for then each is written alone. A failed commit (disk full) fails all of its appends, and nothing of them is
kept. Nothing is acknowledged while the file is not where it was opened, see :mod:`~orchestrator.store.sqlite.place`;
what was written just then may stand, as after any lost answer. Reads are those of
:class:`~orchestrator.store.sqlite.reading.SqliteReader`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import UnclaimedCount
from orchestrator.ports.claims import LATE_NANOSECONDS, Claim, DueClaims, LivingReplica, SilentReplica
from orchestrator.ports.queues import QueuedCount
from orchestrator.store.memory.requests import RequestsInMemory, Standing
from orchestrator.store.rows.moving import moving_of
from orchestrator.store.rows.tombstones import row_of
from orchestrator.store.sqlite.appending import Appending
from orchestrator.store.sqlite.bulk_acts import SqliteBulkActs
from orchestrator.store.sqlite.database import connect, migrate, stretch_log
from orchestrator.store.sqlite.deleting import delete_family
from orchestrator.store.sqlite.figures import note_cause, sum_up
from orchestrator.store.sqlite.group_commit import GroupCommit
from orchestrator.store.sqlite.outbox import SqliteOutbox
from orchestrator.store.sqlite.place import Place
from orchestrator.store.sqlite.queries import queries
from orchestrator.store.sqlite.reading import SqliteReader
from orchestrator.store.sqlite.schedules import SqliteSchedules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.journal.cause import Cause
    from orchestrator.ports.claims import Served
    from orchestrator.ports.figures import Cut
    from orchestrator.ports.journal import Append, Committed, Moving
    from orchestrator.ports.noted_waits import NotedWait
    from orchestrator.ports.retention import Tombstone
    from orchestrator.ports.wakes import Woken


class SqliteJournal(SqliteReader, RequestsInMemory, SqliteSchedules, SqliteBulkActs, SqliteOutbox):
    """A :class:`~orchestrator.ports.journal.Journal` in one file. Made by :meth:`open`.

    Attributes:
        shared: see the port.
    """

    shared = False

    def __init__(self, path: Path, now: Callable[[], int] = time.time_ns, committed: Committed | None = None) -> None:
        self._now = now
        self._loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as opened:
            place = opened.enter_context(contextlib.closing(Place(path)))
            place.refuse_lost_log()
            self._writing = opened.enter_context(contextlib.closing(connect(place.path)))
            migrate(self._writing, path)
            stretch_log(self._writing, place.path)
            SqliteReader.__init__(self, path, opened.enter_context(contextlib.closing(connect(place.path))))
            try:
                # Only one process can be here, so every replica that is written down as alive is dead.
                self._writing.execute(queries()["mute_replicas"])
                # From here on the loop writes, which must not be kept waiting: see GroupCommit.
                self._writing.execute("PRAGMA busy_timeout = 0")
            except sqlite3.Error as error:
                raise self._unavailable(error) from None
            place.watch()
            self._opened = opened.pop_all()
        RequestsInMemory.__init__(self, self._standing_of, {}, {})
        SqliteSchedules.__init__(self, now, self._write, self._all)
        SqliteBulkActs.__init__(self, now, self._write, self._all)
        SqliteOutbox.__init__(self, now, self._write, self._all, self._read)
        self._appending = Appending(self._writing)
        self._commits = GroupCommit(
            self._writing,
            self._appending.flush,
            self._appending.forget,
            self._unavailable,
            place.trouble,
            siblings=self._appending.held,
            committed=committed,
        )

    @classmethod
    async def open(
        cls, path: Path, now: Callable[[], int] = time.time_ns, committed: Committed | None = None
    ) -> SqliteJournal:
        """Open the file, making it and its folder if need be.

        Args:
            path: the file.
            now: the time by which leases are judged, nanoseconds since the epoch, UTC; by default the machine's.
            committed: is told of each transaction.

        Raises:
            JournalUnavailable: it cannot be opened, or another process has it.
        """
        return cls(path, now, committed)

    def append(self, append: Append) -> asyncio.Future[None]:
        """See the port."""
        return self._write(partial(self._appending.write, append))

    async def heartbeat(self, owner: str, lease: int) -> int:
        """See the port."""
        now = self._now()
        await self._write(partial(self._all, "beat", (owner, now + lease)))
        return now

    async def claim_unfinished(self, owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        """See the port."""
        values = {"owner": owner, "now": self._now(), "limit": limit, "served": _known(served)}
        rows = await self._write(partial(self._claim, "claim_unfinished", values))
        return [Claim(saga_id, token) for _, saga_id, token in sorted(rows)]

    async def claim_due(self, owner: str, limit: int, served: Served | None = None, *, anew: bool = False) -> DueClaims:
        """See the port."""
        now = self._now()
        values = {"owner": owner, "now": now, "limit": limit, "served": _known(served), "anew": anew}
        rows, upcoming = await self._write(partial(self._claim_due, values))
        claims = [Claim(saga_id, token, due=True) for _, _, saga_id, token in sorted(rows)]
        return DueClaims(claims, upcoming[0][0] - now if upcoming else None)

    async def claimed(self, owner: str) -> list[Claim]:
        """See the port."""
        return [Claim(*row) for row in await self._write(partial(self._all, "claimed", (owner,)))]

    async def claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        """See the port."""
        rows = await self._write(partial(self._claim, "claim_resting", {"owner": owner, "saga_id": saga_id}))
        return Claim(*rows[0]) if rows else None

    async def release(self, owner: str) -> None:
        """See the port."""
        await self._write(partial(self._release, owner))
        await self._write(partial(self._all, "mute_replica", (owner,)))

    async def moving(self, owner: str, before: Moving | None) -> Moving:
        """See the port. The position is the number of the newest saga."""
        after = None if before is None else before.position
        rows = await self._write(partial(self._all, "moving_sagas", {"owner": owner, "after": after}))
        ((newest,),) = await self._write(partial(self._all, "newest_saga", ()))
        return moving_of(rows, newest, self._now())

    async def unclaimed(self) -> list[UnclaimedCount]:
        """See the port."""
        now = self._now()
        values = {"now": now, "late": now - LATE_NANOSECONDS}
        return [UnclaimedCount(*row) for row in await self._write(partial(self._all, "unclaimed", values))]

    async def note_waits(self, owner: str, begun: Sequence[NotedWait], ended: Sequence[str]) -> None:
        """See the port. Nobody else would read a note."""

    async def noted_waits(self, but_of: str) -> Sequence[NotedWait]:  # noqa: ARG002 - the port's
        """See the port. Nobody else has noted anything."""
        return ()

    async def woken(self) -> Woken:
        """See the port. Nobody else has this store, so nobody tells anything."""
        return await self._loop.create_future()  # type: ignore[no-any-return]  # it never returns

    async def living(self) -> list[LivingReplica]:
        """See the port."""
        rows = await self._write(partial(self._all, "living_replicas", (self._now(),)))
        return [LivingReplica(*row) for row in rows]

    async def silent(self) -> list[SilentReplica]:
        """See the port."""
        rows = await self._write(partial(self._all, "silent_replicas", (self._now(),)))
        return [SilentReplica(*row) for row in rows]

    async def forget(self, owners: Sequence[str]) -> None:
        """See the port."""
        for owner in owners:
            await self._write(partial(self._all, "forget_replica", (owner,)))

    async def delete_ended(self, saga_ids: Sequence[str]) -> list[str]:
        """See the port."""
        return list(await self._write(partial(self._delete, saga_ids)))

    async def shrink(self) -> None:
        """See the port. The room is used again."""

    async def keep_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """See the port."""
        rows = [row_of(tombstone) for tombstone in tombstones]
        await self._write(lambda: self._writing.executemany(queries()["keep_tombstone"], rows))

    async def sum_up(self, cut: Cut) -> bool:
        """See the port."""
        return bool(await self._write(partial(self._sum_up, cut)))

    async def note_causes(self, causes: Sequence[tuple[str, Cause]]) -> None:
        """See the port."""
        await self._write(partial(self._note_causes, causes))

    async def queued(self) -> list[QueuedCount]:
        """See the port."""
        return [QueuedCount(*row) for row in await self._write(partial(self._all, "queued_sagas", ()))]

    async def claim_queued(self, owner: str, wanted: Mapping[str, int], served: Served | None = None) -> list[Claim]:
        """See the port."""
        values = {"owner": owner, "served": _known(served)}
        rows = await self._write(partial(self._claim_queued, wanted, values))
        return [Claim(saga_id, token) for _, saga_id, token in sorted(rows)]

    async def take_portion(self, name: str, interval: int, number: int) -> int:
        """See the port."""
        values = {"name": name, "now": self._now(), "interval": interval, "number": number}
        ((first_in,),) = await self._write(partial(self._all, "take_portion", values))
        return int(first_in)

    async def close(self) -> None:
        """See the port."""
        if self._closed:
            return
        self._closed = True
        await self._commits.close()
        self._reader.shutdown()
        self._opened.close()

    async def _standing_of(self, saga_id: str) -> Standing | None:
        for definition, version, status, owner in await self._write(partial(self._all, "standing", (saga_id,))):
            return Standing(definition, version, Status(status), owner)
        return None

    def _all(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - what sqlite3 binds
        self._appending.flush()
        return self._writing.execute(queries()[statement], values).fetchall()

    def _claim(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - what sqlite3 binds
        rows = self._all(statement, values)
        if rows:
            self._appending.forget()
        return rows

    def _claim_due(self, values: Any) -> tuple[list[Any], list[Any]]:  # noqa: ANN401 - what sqlite3 binds
        return self._claim("claim_due", values), self._all("next_due", values)

    def _delete(self, saga_ids: Sequence[str]) -> list[str]:
        self._appending.flush()
        now = self._now()
        deleted = [saga_id for saga_id in saga_ids if delete_family(self._writing, saga_id, now)]
        self._appending.forget()
        return deleted

    def _sum_up(self, cut: Cut) -> bool:
        self._appending.flush()
        return sum_up(self._writing, cut)

    def _note_causes(self, causes: Sequence[tuple[str, Cause]]) -> None:
        self._appending.flush()
        for saga_id, cause in causes:
            note_cause(self._writing, saga_id, cause)
        self._appending.forget()

    def _claim_queued(self, wanted: Mapping[str, int], values: Mapping[str, object]) -> list[Any]:
        each = [{**values, "definition": definition, "limit": number} for definition, number in wanted.items()]
        return [row for of_one in each for row in self._claim("claim_queued", of_one)]

    def _release(self, owner: str) -> None:
        self._all("release_sagas", (owner,))
        self._appending.forget()

    def _write(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        if not self._closed:
            return self._commits.submit(work)
        refused: asyncio.Future[Any] = self._loop.create_future()
        refused.set_exception(self._is_closed())
        return refused


def _known(served: Served | None) -> str | None:
    return None if served is None else json.dumps(list(served))
