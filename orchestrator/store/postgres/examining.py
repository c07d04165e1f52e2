"""Looks at a journal on PostgreSQL, and at its server: what is wrong, or will be, and what to do about it.

Nothing is written, and no table is made. A role that may not see the sessions of others is told so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.errors import JournalUnavailable
from orchestrator.ports.findings import error, fine, unavailable, warning
from orchestrator.ports.schedule_document import from_document
from orchestrator.store.examining.late_schedules import examined_schedules
from orchestrator.store.examining.late_timers import timers
from orchestrator.store.postgres.connecting import Connection, Failed
from orchestrator.store.postgres.queries import queries
from orchestrator.store.postgres.reading import POOL_SIZE
from orchestrator.store.postgres.refusals import shown
from orchestrator.store.postgres.refusals import unavailable as refusal
from orchestrator.store.postgres.schema import migrations, schema_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.findings import Finding

OLD_SECONDS: Final = 300.0
"""A transaction that is open for longer holds back vacuum for too long."""

_OLDEST_VERSION: Final = 160000
_CLOCK_SECONDS: Final = 1.0
_CONNECTIONS_OF_A_REPLICA: Final = POOL_SIZE + 1
_MONTHS_AHEAD: Final = 2
_NANOSECONDS: Final = 1_000_000_000
_WAITED_FOR: Final = frozenset({"sync", "quorum"})
_WAITS_FOR_LESS: Final = frozenset({"local", "remote_write"})
_WAIT_FOR_STANDBY: Final = (
    "let the database wait for it, before a failover loses what was acknowledged: ALTER SYSTEM SET "
    "synchronous_standby_names = 'ANY 1 (*)', then SELECT pg_reload_conf()"
)
_MONITOR: Final = "let its role see them: GRANT pg_monitor TO it"


class _Server(NamedTuple):
    """What the server says of itself."""

    version: str
    number: int
    is_standby: bool
    fsync: bool
    full_pages: bool
    synchronous_commit: str
    standby_names: str
    sees_others: bool


async def examine(url: str) -> list[Finding]:
    """Look at everything; a database that cannot be reached is the only finding then."""
    try:
        connection = await Connection.open(url)
    except JournalUnavailable as away:
        return [unavailable("connection", away)]
    try:
        return await _Examination(url, connection).findings()
    except JournalUnavailable as refused:
        return [unavailable("connection", refused)]
    except Failed as failed:
        return [unavailable("connection", refusal(url, "cannot be examined", failed))]
    finally:
        await connection.close()


class _Examination:
    """One look at one database, over a connection of its own."""

    def __init__(self, url: str, connection: Connection) -> None:
        self._url = url
        self._connection = connection

    async def findings(self) -> list[Finding]:
        """Everything that was found."""
        server = _Server(*(await self._ask("examine_server"))[0])
        found = [
            _reached(self._url, server),
            _durable(server),
            await self._clock(),
            _standbys(server, [(name, state) for name, state in await self._ask("examine_standbys")]),
            await self._oldest_transaction(server),
            await self._connections(),
        ]
        schema = await schema_of(self._url, self._connection)
        known = migrations()
        if schema.layout > known[-1].layout:
            newer = f"schema {schema.version} of layout {schema.layout} was made by a newer program"
            return [*found, error("schema", newer, "use that program's version here")]
        if not schema.version:
            return [
                *found,
                warning("schema", "there is no journal yet", "start an orchestrator, or orchestrator migrate"),
            ]
        missing = ", ".join(migration.name for migration in known[schema.version :])
        if missing:
            what = f"schema {schema.version}, this program knows {len(known)}; missing: {missing}"
            found.append(warning("schema", what, "run orchestrator migrate; an orchestrator does so when it starts"))
            return [*found, await self._partitions()]
        found.append(fine("schema", f"schema {schema.version}, nothing is missing"))
        return [*found, await self._partitions(), *await self._sagas(), await self._timers(), *await self._schedules()]

    async def _ask(self, statement: str) -> Sequence[Sequence[Any]]:
        return await self._connection.fetch(queries()[statement])

    async def _clock(self) -> Finding:
        before = time.time_ns()
        ((there,),) = await self._ask("examine_clock")
        after = time.time_ns()
        apart = (there - (before + after) // 2) / _NANOSECONDS
        unsure = (after - before) / 2 / _NANOSECONDS
        what = f"the clock of the database is {abs(apart):.3f} s {'ahead of' if apart > 0 else 'behind'} that here"
        if abs(apart) - unsure <= _CLOCK_SECONDS:
            return fine("clock", what)
        advice = (
            "let both machines keep time by NTP: leases go by the database's clock, deadlines of sagas by that here"
        )
        return warning("clock", what, advice)

    async def _oldest_transaction(self, server: _Server) -> Finding:
        rows = await self._ask("examine_oldest_transaction")
        if rows and rows[0][1] >= OLD_SECONDS:
            (who, seconds) = rows[0]
            what = (
                f"{who} keeps a transaction open for {seconds:,.0f} s: nothing that was deleted since is cleared away"
            )
            advice = "let it end: SELECT pg_terminate_backend(<pid>), or ROLLBACK PREPARED; or else tables grow"
            return warning("vacuum", what, advice)
        if not server.sees_others:
            return warning("vacuum", "transactions of other roles cannot be seen", _MONITOR)
        return fine("vacuum", f"no transaction has been open for more than {OLD_SECONDS:.0f} s")

    async def _connections(self) -> Finding:
        ((left, most),) = await self._ask("examine_connections")
        what = f"{left} of {most} connections are left; an orchestrator takes {_CONNECTIONS_OF_A_REPLICA}"
        if left >= _CONNECTIONS_OF_A_REPLICA:
            return fine("connections", what)
        return warning("connections", what, "raise max_connections, or put a pooler in front of the database")

    async def _partitions(self) -> Finding:
        months = [tuple(row) for row in await self._ask("examine_partitions")]
        if missing := ", ".join(month for month, there in months[:_MONTHS_AHEAD] if not there):
            advice = "run orchestrator migrate with a role that may make tables; until then entries go to chunk_other"
            return warning("partitions", f"there is none for {missing}", advice)
        return fine("partitions", f"there are those of {', '.join(month for month, there in months if there)}")

    async def _timers(self) -> Finding:
        ((late, nanoseconds),) = await self._ask("examine_timers")
        return timers(late, (nanoseconds or 0) / _NANOSECONDS)

    async def _schedules(self) -> list[Finding]:
        """Whether what is due by the clock of the database is started."""
        ((now,),) = await self._ask("store_now")
        rows = await self._ask("examine_schedules")
        return examined_schedules([from_document(document, revision) for document, revision in rows], now)

    async def _sagas(self) -> list[Finding]:
        """What nobody advances. Which versions a replica serves no table says; that nobody claims them does."""
        ((alive,),) = await self._ask("examine_replicas")
        rows = await self._ask("unclaimed")
        waiting = ", ".join(f"{number} of {definition} v{version}" for definition, version, number, _ in rows)
        if not waiting:
            return [fine("sagas", f"orchestrators alive: {alive}; every saga that goes on is advanced by one of them")]
        if not alive:
            return [warning("sagas", f"no orchestrator is alive; sagas that wait for one: {waiting}", "start one")]
        what = f"orchestrators alive: {alive}; sagas that none of them has claimed: {waiting}"
        return [warning("sagas", what, "if that lasts, no one serves these versions: start an orchestrator that does")]


def _reached(url: str, server: _Server) -> Finding:
    what = f"PostgreSQL {server.version} at {shown(url)}"
    if server.is_standby:
        advice = "name the primary, or both with ?target_session_attrs=read-write"
        return error("connection", f"{what} is a standby, which writes nothing", advice)
    if server.number < _OLDEST_VERSION:
        return error("connection", what, "use PostgreSQL 16 or newer")
    return fine("connection", what)


def _durable(server: _Server) -> Finding:
    off = [name for name, on in (("fsync", server.fsync), ("full_page_writes", server.full_pages)) if not on]
    if off:
        what = f"{' and '.join(off)} is off: a crash of the machine can lose or spoil everything"
        return error("durability", what, "set it to on, and restart the database")
    return fine(
        "durability", f"a commit is on disk (synchronous_commit is {server.synchronous_commit}; appends raise off)"
    )


def _standbys(server: _Server, standbys: list[tuple[str, str | None]]) -> Finding:
    """Whether a failover keeps what was acknowledged: by the standbys and whether commits wait for them."""
    if any(state is None for _, state in standbys):
        return warning("standbys", "whether they are synchronous cannot be seen", _MONITOR)
    waited = ", ".join(sorted(name for name, state in standbys if state in _WAITED_FOR))
    others = ", ".join(sorted(name for name, state in standbys if state not in _WAITED_FOR))
    if server.standby_names and not waited:
        what = (
            f"commits wait for a standby of {server.standby_names}; there is {f'only {others}' if others else 'none'}"
        )
        return error("standbys", what, "start it, or set synchronous_standby_names to what is there, and reload")
    if not standbys:
        return fine("standbys", "none follows this server: the journal is as safe as its disk and its backups")
    if not waited:
        return warning("standbys", f"{others} is asynchronous: it can lack what was acknowledged", _WAIT_FOR_STANDBY)
    if server.synchronous_commit in _WAITS_FOR_LESS:
        what = f"{waited} may not have on disk what was acknowledged: synchronous_commit is {server.synchronous_commit}"
        return warning("standbys", what, "set synchronous_commit to on")
    behind = f"; never fail over to {others}, for which no commit waits" if others else ""
    return fine("standbys", f"{waited} has everything that was acknowledged{behind}")
