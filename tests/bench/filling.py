"""Fills the tables of PostgreSQL with finished sagas: copies of one that was really run, made by the server itself.

Through appends it would take a quarter of an hour for a million. What is copied is what appends have written; entries
still name the saga that they are copied from, which nobody who reads them minds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from orchestrator.store.opening import open_store
from tests.bench.journals import drawn_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.journal import Append

_COPIES = """
    CREATE TEMPORARY TABLE copy_of (saga bigint, month date, definition text, version integer, digest bytea,
                                    started_at bigint, attributes text);
    INSERT INTO copy_of SELECT id, month, definition, version, digest, started_at, attributes FROM saga;
    INSERT INTO saga (saga_id, definition, version, digest, started_at, month, attributes)
    SELECT w.saga_id, c.definition, c.version, c.digest, c.started_at + w.number, c.month, c.attributes
    FROM wanted AS w CROSS JOIN copy_of AS c
    ORDER BY w.number;
    INSERT INTO ended_saga (saga, status, ended_at, token, sequence)
    SELECT s.id, e.status, e.ended_at, e.token, e.sequence
    FROM copy_of AS c JOIN ended_saga AS e ON e.saga = c.saga JOIN saga AS s ON s.id <> c.saga
    ORDER BY s.id;
    INSERT INTO chunk (saga, sequence, month, entries)
    SELECT s.id, k.sequence, s.month, k.entries
    FROM copy_of AS c JOIN chunk AS k ON k.saga = c.saga JOIN saga AS s ON s.id <> c.saga
    ORDER BY s.id, k.sequence;
    UPDATE ended_count SET number = number + (SELECT count(*) FROM wanted);
"""


async def filled(url: str, appends: Sequence[Append], number: int) -> list[str]:
    """Write so many sagas like this one into an empty database; their ids."""
    journal = await open_store(url)
    for append in appends:
        await journal.append(append)
    await journal.close()
    saga_ids = drawn_ids(number)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        async with connection.transaction():
            await connection.execute("CREATE TEMPORARY TABLE wanted (number integer, saga_id text)")
            async with connection.cursor().copy("COPY wanted FROM STDIN") as copy:
                for row in enumerate(saga_ids):
                    await copy.write_row(row)
            await connection.execute(_COPIES)
        await connection.execute("VACUUM (ANALYZE)")  # as the server would have done on the way
    return saga_ids
