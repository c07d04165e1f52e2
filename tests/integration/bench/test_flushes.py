"""A process of the shop tells the bench how often it has had a disk keep something."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.bench.shop import counted_in, flushes_in

if TYPE_CHECKING:
    from pathlib import Path

WRITES = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("CREATE TABLE t (x)")
for begin, end in (("BEGIN IMMEDIATE", "COMMIT"), ("BEGIN", "COMMIT"), ("BEGIN IMMEDIATE", "ROLLBACK")) * 2:
    database.execute(begin)
    database.execute("SELECT * FROM t" if begin == "BEGIN" else "INSERT INTO t VALUES (1)").fetchall()
    database.execute(end)
"""


def test_only_a_commit_of_a_transaction_that_was_begun_to_write_counts(tmp_path: Path) -> None:
    environment = os.environ | counted_in(tmp_path / "flushes-writer")
    subprocess.run([sys.executable, "-c", WRITES, tmp_path / "file.db"], env=environment, check=True)

    assert flushes_in(tmp_path) == {"writer": 2}
