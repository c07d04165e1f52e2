"""What the doctor finds of a journal in a file; each finding says what to do."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections import namedtuple
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.state import Status
from orchestrator.ports.findings import Severity
from orchestrator.store.opening import examine_store, open_store
from orchestrator.store.sqlite import examining
from tests.support.journals import Writing
from tests.support.schedules import HOUR, schedule

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from orchestrator.ports.findings import Finding

FINE, WARNING, ERROR = Severity.FINE, Severity.WARNING, Severity.ERROR
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil has it


async def look(path: Path) -> dict[str, Finding]:
    found = await examine_store(f"sqlite:{path}")
    for finding in found:
        assert bool(finding.advice) == (finding.severity is not FINE), finding
    return {finding.about: finding for finding in found}


@pytest.fixture
async def made(path: Path) -> Path:
    await (await open_store(f"sqlite:{path}")).close()
    return path


async def test_a_journal_in_order_is_fine_in_every_respect(made: Path) -> None:
    found = await look(made)

    assert [*found] == [
        "journal", "readers", "file system", "free space", "journal mode", "schema", "timers", "content", "schedules",
    ]  # fmt: skip
    assert {each.severity for about, each in found.items() if about != "file system"} == {FINE}, found
    assert found["journal mode"].what == "wal"


async def test_parked_sagas_that_nobody_wakes_are_counted(path: Path) -> None:
    journal = await open_store(f"sqlite:{path}")
    now = await journal.heartbeat("a", 1)
    for number, seconds in enumerate((100, 50, 1, -50)):
        writer = Writing(journal, f"saga-{number}")
        await writer.start()
        await writer.park(now - seconds * 1_000_000_000)
    await journal.close()
    found = (await look(path))["timers"]

    assert found.severity is WARNING
    assert re.fullmatch(
        r"parked sagas that are due and were not woken: 2, the first of them for 1\d\d s", found.what
    ), found.what


async def test_a_journal_that_another_process_has_is_looked_at(path: Path, elsewhere: subprocess.Popen[bytes]) -> None:
    assert (await look(path))["schema"].severity is FINE
    assert elsewhere.poll() is None


async def test_a_journal_that_is_not_there_is_not_made(path: Path) -> None:
    found = await look(path)

    assert found["journal"].severity is WARNING
    assert found["journal"].what == f"there is no journal {path} yet"
    assert not path.parent.exists()


async def test_a_file_that_is_no_database_is_an_error(path: Path) -> None:
    _write(path, b"something else" * 1000)

    assert (await look(path))["journal"].severity is ERROR


async def test_a_journal_with_two_names_is_an_error(made: Path) -> None:
    os.link(made, made.with_name("other.db"))
    found = (await look(made))["journal"]

    assert found.severity is ERROR
    assert "has 2 names" in found.what


async def test_a_journal_of_an_earlier_version_is_told_what_is_missing(made: Path) -> None:
    with closing(sqlite3.connect(made)) as database:
        database.execute("PRAGMA user_version = 1")
    found = (await look(made))["schema"]

    assert found.severity is WARNING
    assert "0002_one_index.sql" in found.what


async def test_a_journal_of_a_later_version_is_an_error(made: Path) -> None:
    with closing(sqlite3.connect(made)) as database:
        database.execute("PRAGMA user_version = 99")

    assert (await look(made))["journal"].severity is ERROR


async def test_a_file_whose_mode_was_changed_is_told(made: Path) -> None:
    with closing(sqlite3.connect(made)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    os.chmod(made, 0o644)  # noqa: PTH101 - a Path would wait for the disk as well
    found = await look(made)

    assert (found["journal mode"].severity, found["journal mode"].what) == (WARNING, "delete")
    assert found["readers"].advice == f"chmod 600 {made}"


@pytest.mark.parametrize(("free", "severity"), [(1 << 40, FINE), (900 << 20, WARNING), (10 << 20, ERROR)])
async def test_little_room_is_a_warning_and_hardly_any_an_error(
    made: Path, monkeypatch: pytest.MonkeyPatch, free: int, severity: Severity
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 41, 0, free))

    assert (await look(made))["free space"].severity is severity


@pytest.mark.parametrize(
    ("kind", "severity"), [("ext4", FINE), ("nfs4", ERROR), ("fuse.sshfs", ERROR), ("tmpfs", WARNING)]
)
async def test_a_file_system_that_cannot_be_relied_on_is_told(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, severity: Severity
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - xfs /dev/sda rw\n"
        f"36 22 98:0 / {made.parent} rw,noatime master:1 - {kind} server:/export rw\n"
    )
    monkeypatch.setattr(examining, "MOUNTS", mounts)
    found = (await look(made))["file system"]

    assert found.severity is severity
    assert found.what.startswith(kind)


async def test_a_system_that_does_not_tell_its_mounts_is_no_reason_to_warn(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "MOUNTS", tmp_path / "absent")

    assert (await look(made))["file system"].severity is FINE


def _spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    pages = len(content) // 4096
    content[pages // 2 * 4096 :] = os.urandom(
        (pages - pages // 2) * 4096
    )  # behind the pages that say which tables there are
    path.write_bytes(content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)


async def test_a_store_in_memory_is_told_to_be_lost() -> None:
    (found,) = await examine_store("memory:")

    assert found.severity is WARNING


async def test_what_is_due_and_not_done_is_told(made: Path) -> None:
    journal = await open_store(f"sqlite:{made}")
    writer = Writing(journal)
    await writer.start()
    await writer.write(status=Status.WAITING, wake_at=time.time_ns() - HOUR)
    await journal.create_schedule(schedule(1, next_at=time.time_ns() - HOUR))
    await journal.close()
    found = await look(made)

    assert "were not woken: 1, the first of them for 3,6" in found["timers"].what
    assert found["schedules"].what.startswith("1 of 1 schedule due and not started, the first for 3,6")
    assert found["timers"].severity is found["schedules"].severity is WARNING


async def test_a_file_whose_pages_are_spoilt_is_an_error(made: Path) -> None:
    journal = await open_store(f"sqlite:{made}")
    for number in range(1000):
        await Writing(journal, f"saga-{number}").start()
    await journal.close()
    _spoil(made)
    found = await look(made)

    assert found["content"].severity is ERROR
    assert "backup" in found["content"].advice


async def test_a_large_file_is_not_read_through_and_the_doctor_says_so(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "_MOST_CHECKED_BYTES", 1)
    found = (await look(made))["content"]

    assert (found.severity, found.advice) == (WARNING, f"sqlite3 {made} 'PRAGMA quick_check'")
