"""A participant that is killed between the business change and the commit."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.participant import GuardRefusal, Kind
from orchestrator.participant.driving import answer
from orchestrator.participant.steps import Answer
from tests.integration.participant.counter import driver_records
from tests.integration.participant.dying import add, call
from tests.support.repository import ROOT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.participant.drivers import DriverRecords


@pytest.fixture
def records(tmp_path: Path) -> Iterator[DriverRecords[sqlite3.Connection]]:
    records = driver_records(tmp_path)
    records.create_table()
    with records.transaction(writes=True) as statements:
        statements.execute("CREATE TABLE effects (name TEXT NOT NULL)")
    yield records
    records.close()


def effects(records: DriverRecords[sqlite3.Connection]) -> int:
    with records.transaction(writes=False) as statements:
        return int(statements.execute("SELECT count(*) FROM effects").fetchone()[0])


def killed_inside(folder: Path, kind: Kind) -> None:
    command = [sys.executable, "-m", "tests.integration.participant.dying", str(folder), kind.value]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
        assert said == "inside\n", said + process.stdout.read()


def test_a_kill_between_the_change_and_the_commit_leaves_neither_change_nor_record(
    records: DriverRecords[sqlite3.Connection], tmp_path: Path
) -> None:
    killed_inside(tmp_path, Kind.COMMAND)
    assert effects(records) == 0
    assert answer(call(Kind.COMMAND), records, add) == Answer(b"reply")
    assert effects(records) == 1


def test_a_kill_while_a_foreign_service_is_called_leaves_the_command_in_doubt(
    records: DriverRecords[sqlite3.Connection], tmp_path: Path
) -> None:
    killed_inside(tmp_path, Kind.FOREIGN)
    with pytest.raises(GuardRefusal) as refused:
        answer(call(Kind.FOREIGN), records, add)
    assert (refused.value.reason, refused.value.code) == ("COMMAND_IN_DOUBT", "UNKNOWN")
    assert effects(records) == 0
