"""Python imports this at its start where its folder is on the path: counts the transactions written to SQLite files.

The number stands in the file that ``BENCH_FLUSHES`` names. Each transaction that was begun to write, and committed,
has the disk keep a file's log once.
"""

import mmap
import os
import sqlite3
import struct
from collections.abc import Callable
from typing import Any

_NUMBER = struct.Struct("=Q")


def count_in(path: str) -> None:
    """Count there, from now on, for every connection."""
    with open(path, "w+b") as file:  # noqa: PTH123 - every process that imports this pays for what it imports
        file.write(_NUMBER.pack(0))
        file.flush()
        shared = mmap.mmap(file.fileno(), _NUMBER.size)
    connect = sqlite3.connect

    def counted(*arguments: Any, **named: Any) -> sqlite3.Connection:  # noqa: ANN401 - as sqlite3 has them
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.set_trace_callback(_counting(shared))
        return connection

    for module in (sqlite3, sqlite3.dbapi2):
        setattr(module, "connect", counted)  # noqa: B010 - to a type checker it has overloads


def _counting(shared: mmap.mmap) -> Callable[[str], None]:
    writes = False

    def see(sql: str) -> None:
        nonlocal writes
        if sql.startswith("BEGIN"):
            writes = sql == "BEGIN IMMEDIATE"
        elif sql == "COMMIT" and writes:
            writes = False
            (number,) = _NUMBER.unpack_from(shared)
            _NUMBER.pack_into(shared, 0, number + 1)

    return see


if wanted := os.environ.get("BENCH_FLUSHES"):
    count_in(wanted)
