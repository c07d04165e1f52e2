"""The tables of the journal: made, and brought up to date, by numbered migrations.

Purpose: replicas of two versions side by side, and as many at once as there are. Invariant: each migration is applied
once, however many replicas begin, because it is applied under a lock that ends with its transaction.

A migration belongs to a *layout*, which it says in its first line. Within a layout, what a migration adds disturbs no
code that does not know it: so during a rolling deploy an older replica goes on beside tables that a newer one has
brought up to date. A new layout is for what older code cannot live with, and older code refuses it.
"""

from __future__ import annotations

import contextlib
import re
from importlib import resources
from typing import NamedTuple

from orchestrator.errors import JournalUnavailable
from orchestrator.store.postgres.connecting import Connection, Failed
from orchestrator.store.postgres.queries import queries
from orchestrator.store.postgres.refusals import shown, unavailable

_NUMBER = re.compile(r"(\d{4})_\w+\.sql")
_LAYOUT = re.compile(r"-- layout: (\d+)\n")


class Migration(NamedTuple):
    """One step of the schema; its number counts from 1 without a gap."""

    number: int
    name: str
    layout: int
    script: str


class Schema(NamedTuple):
    """What a database has: its newest migration and the layout of that one; 0 where there is no journal."""

    version: int
    layout: int


def migrations() -> list[Migration]:
    """Every migration that this program knows, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    names = sorted(item.name for item in folder.iterdir() if _NUMBER.fullmatch(item.name))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1)), names
    return [_migration(number, name) for number, name in enumerate(names, start=1)]


def _migration(number: int, name: str) -> Migration:
    script = (resources.files(__package__) / "migrations" / name).read_text()
    layout = _LAYOUT.match(script)
    assert layout is not None, f"{name} does not begin with its layout"
    return Migration(number, name, int(layout[1]), script)


async def schema_of(url: str, connection: Connection) -> Schema:
    """What the database has.

    Raises:
        JournalUnavailable: it cannot be read.
    """
    try:
        ((exists,),) = await connection.fetch(queries()["schema_exists"])
        rows = await connection.fetch(queries()["schema"]) if exists else []
    except Failed as error:
        raise unavailable(url, "cannot be read", error) from None
    return Schema(*rows[0]) if rows else Schema(0, 0)


async def refuse_unknown(url: str, connection: Connection) -> None:
    """Check that this program can use the tables as they are.

    Raises:
        JournalUnavailable: it cannot.
    """
    found, known = await schema_of(url, connection), migrations()
    _refuse_newer(url, found)
    if found.version < len(known):
        raise JournalUnavailable(
            f"the journal {shown(url)} has schema {found.version}, this program reads {len(known)}: bring it up to "
            "date with orchestrator migrate"
        )


async def migrate(url: str, connection: Connection) -> list[Migration]:
    """Bring the tables up to date, in one transaction; the migrations that were missing.

    Raises:
        JournalUnavailable: a newer version of this program made the tables, or they cannot be changed.
    """
    found = await schema_of(url, connection)
    _refuse_newer(url, found)
    if found.version >= len(migrations()):
        with contextlib.suppress(*Failed):  # the role may be allowed to write only: there is a partition for the rest
            await connection.fetch(queries()["make_partitions"])
        return []
    try:
        async with connection.transaction():
            await connection.fetch(queries()["lock_schema"])
            await connection.execute(queries()["create_schema"])
            found = await schema_of(url, connection)  # another one may have migrated until the lock was ours
            _refuse_newer(url, found)
            missing = migrations()[found.version :]
            for migration in missing:
                await connection.execute(migration.script)
                await connection.fetch(queries()["note_schema"], migration.number, migration.layout)
            await connection.fetch(queries()["make_partitions"])
    except Failed as error:
        raise unavailable(url, "cannot be brought up to date", error) from None
    return missing


async def look_at(url: str, *, apply: bool) -> tuple[Schema, list[Migration]]:
    """What a database had, and every migration that this program knows; brought up to date if that is to be applied.

    Raises:
        JournalUnavailable: it cannot be reached or changed, or a newer version of this program made its tables.
    """
    connection = await Connection.open(url)
    try:
        found = await schema_of(url, connection)
        _refuse_newer(url, found)
        if apply:
            await migrate(url, connection)
    finally:
        await connection.close()
    return found, migrations()


def _refuse_newer(url: str, found: Schema) -> None:
    known = migrations()
    if found.layout > known[-1].layout:
        raise JournalUnavailable(
            f"the journal {shown(url)} has schema {found.version} of layout {found.layout}, this program knows layout "
            f"{known[-1].layout}: a newer one made it"
        )
