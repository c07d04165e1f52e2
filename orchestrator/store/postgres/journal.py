"""The journal on PostgreSQL, shared by any number of replicas.

Appends go through :class:`~orchestrator.store.postgres.group_commit.GroupCommit`, on a connection of their own; all
else is one statement on one of a few others. A refused append has written nothing and does not disturb the others. A
connection that breaks leaves open whether what was under way is written; who needs one next makes the new one. Leases
are judged by the database's clock. After what it has written, a handle tells the others, see
:mod:`~orchestrator.store.postgres.telling`.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Final

from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.ports.catalogue import UnclaimedCount
from orchestrator.ports.claims import Claim, DueClaims, LivingReplica, SilentReplica
from orchestrator.ports.noted_waits import NotedWait
from orchestrator.ports.queues import QueuedCount
from orchestrator.ports.requested_acts import RequestedAct
from orchestrator.ports.wakes import Wake
from orchestrator.store.postgres.bulk_acts import PostgresBulkActs
from orchestrator.store.postgres.connecting import Connection, Link
from orchestrator.store.postgres.group_commit import GroupCommit
from orchestrator.store.postgres.groups import members_of
from orchestrator.store.postgres.listening import Listening
from orchestrator.store.postgres.outbox import PostgresOutbox
from orchestrator.store.postgres.queries import queries
from orchestrator.store.postgres.reading import PostgresReader
from orchestrator.store.postgres.schedules import PostgresSchedules
from orchestrator.store.postgres.schema import migrate
from orchestrator.store.postgres.telling import CHANNEL, Telling
from orchestrator.store.rows.moving import moving_of
from orchestrator.store.rows.tombstones import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.journal.cause import Cause
    from orchestrator.ports.claims import Served
    from orchestrator.ports.figures import Cut
    from orchestrator.ports.journal import Append, Committed, Moving
    from orchestrator.ports.retention import Tombstone
    from orchestrator.ports.wakes import Woken

_PARTITIONS_SECONDS: Final = 86_400.0
"""How often the partitions of the next months are seen to."""


class PostgresJournal(PostgresReader, PostgresSchedules, PostgresBulkActs, PostgresOutbox):
    """A :class:`~orchestrator.ports.journal.Journal` on PostgreSQL. Made by :meth:`open`.

    Attributes:
        shared: see the port.
    """

    shared = True

    def __init__(self, url: str, listen: str = "", committed: Committed | None = None) -> None:
        PostgresReader.__init__(self, url)
        PostgresSchedules.__init__(self, self._ask)
        PostgresBulkActs.__init__(self, self._ask)
        PostgresOutbox.__init__(self, self._ask)
        self._link = Link(url, self._absence)
        self._telling = Telling(partial(self._pool.fetch, queries()["notify"], CHANNEL))
        self._listening = Listening(listen or url, self._telling.name)
        self._commits = GroupCommit(url, self._link, partial(self._telling.tell, Wake.SAGA), committed)
        self._loop = asyncio.get_running_loop()
        self._partitions_due = self._loop.time() + _PARTITIONS_SECONDS
        self._shrink_due = 0.0

    @classmethod
    async def open(cls, url: str, listen: str = "", committed: Committed | None = None) -> PostgresJournal:
        """Open the journal, making its tables if need be, or bringing them up to date.

        Args:
            url: the database.
            listen: the way to the same database on which to hear of other replicas; empty for that of ``url``.
            committed: is told of each transaction.

        Raises:
            JournalUnavailable: it cannot be reached, or a newer version of this program made its tables.
        """
        connection = await Connection.open(url)
        try:
            await migrate(url, connection)
        finally:
            await connection.close()
        return cls(url, listen, committed)

    def append(self, append: Append) -> asyncio.Future[None]:
        """See the port."""
        if not self._closed:
            return self._commits.submit(append)
        refused: asyncio.Future[None] = self._loop.create_future()
        refused.set_exception(self._is_closed())
        return refused

    async def heartbeat(self, owner: str, lease: int) -> int:
        """See the port."""
        ((now,),) = await self._ask("beat", owner, lease)
        if self._loop.time() >= self._partitions_due:
            self._partitions_due = self._loop.time() + _PARTITIONS_SECONDS
            await self._ask("make_partitions")
        return int(now)

    async def claim_unfinished(self, owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        """See the port."""
        await self._commits.settled()
        rows = await self._ask("claim_unfinished", owner, limit, *_columns(served))
        return [Claim(saga_id, token) for _, saga_id, token in sorted(tuple(row) for row in rows)]

    async def claim_due(self, owner: str, limit: int, served: Served | None = None, *, anew: bool = False) -> DueClaims:
        """See the port."""
        (next_in, *_), *rows = await self._ask("claim_due", owner, limit, *_columns(served), anew)
        return DueClaims([Claim(each, token, due=True) for _, _, each, token in sorted(map(tuple, rows))], next_in)

    async def claimed(self, owner: str) -> list[Claim]:
        """See the port."""
        await self._commits.settled()
        return [Claim(*row) for row in await self._ask("claimed", owner)]

    async def claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        """See the port."""
        await self._commits.settled()
        ((token,),) = await self._ask("claim_resting", owner, saga_id)
        return None if token is None else Claim(saga_id, token)

    async def release(self, owner: str) -> None:
        """See the port."""
        await self._commits.settled()
        await self._ask("release", owner)
        self._telling.tell(Wake.CLAIMABLE)

    async def moving(self, owner: str, before: Moving | None) -> Moving:
        """See the port. The position is the number of the newest saga."""
        after = (None, None) if before is None else (before.position, before.looked_at)
        (_, newest, _), (_, looked_at, _), *rows = await self._ask("moving_sagas", owner, *after)
        return moving_of(map(tuple, rows), newest, looked_at)

    async def unclaimed(self) -> list[UnclaimedCount]:
        """See the port."""
        return [UnclaimedCount(*row) for row in await self._ask("unclaimed")]

    async def request_act(self, requested: RequestedAct) -> None:
        """See the port."""
        text = json.dumps([requested.act.name, requested.why, *requested.requested_by])
        await self._ask("request_act", requested.request_id, requested.saga_id, text)
        self._telling.tell(Wake.REQUESTED, requested.saga_id)

    async def requested_acts(self, owner: str, limit: int, served: Served | None = None) -> Sequence[RequestedAct]:
        """See the port."""
        rows = await self._ask("requested_acts", owner, limit, *_columns(served))
        return [_requested(*row) for row in rows]

    async def answer_act(self, request_id: str, answer: str) -> None:
        """See the port."""
        await self._ask("answer_act", request_id, answer)
        self._telling.tell(Wake.ANSWERED)

    async def act_answers(self, request_ids: Sequence[str]) -> Mapping[str, str]:
        """See the port."""
        return dict(map(tuple, await self._ask("act_answers", list(request_ids))))

    async def note_waits(self, owner: str, begun: Sequence[NotedWait], ended: Sequence[str]) -> None:
        """See the port."""
        # The driver takes no list of lists of different lengths.
        texts = [",".join(map(str, wait.reasons)) for wait in begun]
        await self._ask("note_waits", owner, [wait.saga_id for wait in begun], texts, list(ended))

    async def noted_waits(self, but_of: str) -> Sequence[NotedWait]:
        """See the port."""
        return [NotedWait(saga_id, tuple(reasons)) for saga_id, reasons in await self._ask("noted_waits", but_of)]

    async def woken(self) -> Woken:
        """See the port."""
        return await self._listening.woken()

    async def living(self) -> list[LivingReplica]:
        """See the port."""
        return [LivingReplica(*row) for row in await self._ask("living_replicas")]

    async def silent(self) -> list[SilentReplica]:
        """See the port."""
        return [SilentReplica(*row) for row in await self._ask("silent_replicas")]

    async def forget(self, owners: Sequence[str]) -> None:
        """See the port."""
        await self._ask("forget_replicas", list(owners))

    async def delete_ended(self, saga_ids: Sequence[str]) -> list[str]:
        """See the port."""
        rows = await self._ask("families", list(range(len(saga_ids))), list(saga_ids))
        values = members_of(rows)
        return [saga_ids[place] for (place,) in await self._ask("delete_ended", *values)] if rows else []

    async def shrink(self) -> None:
        """See the port. The partitions of months that are over and empty are dropped; so it is once a day."""
        if self._loop.time() < self._shrink_due:
            return
        self._shrink_due = self._loop.time() + _PARTITIONS_SECONDS
        while (await self._ask("drop_empty_partition"))[0][0] is not None:
            pass

    async def keep_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """See the port."""
        columns = zip(*map(row_of, tombstones), strict=True)
        if tombstones:
            await self._ask("keep_tombstones", *map(list, columns))

    async def sum_up(self, cut: Cut) -> bool:
        """See the port."""
        (done,) = await self._ask("sum_up_figures", *cut)
        return any(done)

    async def note_causes(self, causes: Sequence[tuple[str, Cause]]) -> None:
        """See the port."""
        rows = [(saga_id, *cause) for saga_id, cause in causes]
        if rows:
            await self._ask("note_causes", *map(list, zip(*rows, strict=True)))

    async def queued(self) -> list[QueuedCount]:
        """See the port."""
        return [QueuedCount(*row) for row in await self._ask("queued_sagas")]

    async def claim_queued(self, owner: str, wanted: Mapping[str, int], served: Served | None = None) -> list[Claim]:
        """See the port."""
        await self._commits.settled()
        rows = await self._ask("claim_queued", owner, list(wanted), list(wanted.values()), *_columns(served))
        return [Claim(saga_id, token) for _, saga_id, token in sorted(tuple(row) for row in rows)]

    async def take_portion(self, name: str, interval: int, number: int) -> int:
        """See the port."""
        ((first_in,),) = await self._ask("take_portion", name, interval, number)
        return int(first_in)

    async def close(self) -> None:
        """See the port."""
        if self._closed:
            return
        self._closed = True
        await self._commits.close()
        await self._telling.close()
        await self._listening.close()
        await self._link.close()
        await self._pool.close()


def _columns(served: Served | None) -> tuple[list[str] | None, list[int] | None]:
    if served is None:
        return None, None
    return [definition for definition, _ in served], [version for _, version in served]


def _requested(request_id: str, saga_id: str, text: str) -> RequestedAct:
    act, why, *requested_by = json.loads(text)
    return RequestedAct(request_id, saga_id, Act[act], why, Actor(*requested_by))
