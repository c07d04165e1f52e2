"""Records on each store: one transaction with the change, the write lock first, broken rows told from lost races."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import IntegrityError, OperationalError

from orchestrator.participant import Kind, connection, turns
from orchestrator.participant.drivers import CursorRecords, DriverRecords
from orchestrator.participant.driving import answer
from orchestrator.participant.engines import EngineRecords
from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.records import KeyTakenError, Outcome, Record, is_duplicate, refuse_autocommit
from orchestrator.participant.steps import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from orchestrator.participant.driving import Opened, Records

    Store = EngineRecords | DriverRecords[sqlite3.Connection]

TOMBSTONE = Record("key", "Add", Outcome.COMPENSATED)
BROKEN = {
    "completed without an answer": Record("key", "Add", Outcome.COMPLETED, b"digest"),
    "in doubt with an answer": Record("key", "Add", Outcome.IN_DOUBT, b"digest", b"answer"),
    "a tombstone with a digest": Record("key", "Add", Outcome.COMPENSATED, b"digest"),
}


def on_engine(folder: Path) -> EngineRecords:
    return EngineRecords(create_engine(f"sqlite:///{folder}/records.db", connect_args={"timeout": 0}))


def on_engine_that_begins(folder: Path) -> EngineRecords:
    """As SQLAlchemy's page on SQLite advises."""
    engine = create_engine(f"sqlite:///{folder}/records.db", connect_args={"timeout": 0, "isolation_level": None})
    event.listen(engine, "begin", lambda current: current.exec_driver_sql("BEGIN"))
    return EngineRecords(engine)


def on_engine_in_autocommit(folder: Path) -> EngineRecords:
    url = f"sqlite:///{folder}/records.db"
    return EngineRecords(create_engine(url, connect_args={"timeout": 0}, isolation_level="AUTOCOMMIT"))


def on_driver(folder: Path) -> DriverRecords[sqlite3.Connection]:
    path = folder / "records.db"
    return DriverRecords(sqlite3, lambda: sqlite3.connect(path, timeout=0, check_same_thread=False))


def on_driver_without_transactions(folder: Path) -> DriverRecords[sqlite3.Connection]:
    path = folder / "records.db"
    connect = {"timeout": 0, "check_same_thread": False, "isolation_level": None}
    return DriverRecords(sqlite3, lambda: sqlite3.connect(path, **cast("Any", connect)))


@pytest.fixture(
    params=[on_engine, on_engine_that_begins, on_engine_in_autocommit, on_driver, on_driver_without_transactions],
    ids=lambda it: it.__name__,
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: list[Store] = []

    def opening(folder: Path) -> Store:
        opened.append(request.param(folder))
        return opened[-1]

    with sqlite3.connect(tmp_path / "records.db") as current:
        current.execute("PRAGMA journal_mode = WAL")
    current.close()
    store = opening(tmp_path)
    store.create_table()
    yield store
    for each in opened:
        if isinstance(each, EngineRecords):
            each._engine.dispose()
        else:
            each.close()


def test_a_transaction_that_writes_takes_the_write_lock_of_sqlite_before_it_reads(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A turn would come first in this process, and does not in another.
    monkeypatch.setattr(turns, "_PATIENCE", 0.0)
    with store.transaction(writes=True):
        with pytest.raises((sqlite3.OperationalError, OperationalError), match="locked"):
            store.transaction(writes=True).__enter__()
        with store.transaction(writes=False) as reading:
            assert reading.find("key", "") == {}


def test_a_query_takes_no_write_lock(store: Store) -> None:
    with store.transaction(writes=False) as reading:
        reading.find("key", "")
        with store.transaction(writes=True) as writing:
            writing.keep(TOMBSTONE)


def keep_twice(opened: Opened) -> None:
    opened.keep(TOMBSTONE)
    opened.keep(TOMBSTONE)


def test_what_a_transaction_wrote_is_gone_when_it_raises(store: Store) -> None:
    with pytest.raises(KeyTakenError), store.transaction(writes=True) as opened:
        keep_twice(opened)
    with store.transaction(writes=False) as opened:
        assert opened.find("key", "") == {}


def test_a_second_record_of_a_key_is_a_lost_race(store: Store) -> None:
    with store.transaction(writes=True) as opened:
        opened.keep(TOMBSTONE)
    with pytest.raises(KeyTakenError), store.transaction(writes=True) as opened:
        opened.keep(TOMBSTONE)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_refused_and_not_taken_for_a_lost_race(store: Store, broken: Record) -> None:
    with pytest.raises((sqlite3.IntegrityError, IntegrityError)), store.transaction(writes=True) as opened:
        opened.keep(broken)


def test_only_a_record_in_doubt_is_settled_or_forgotten(store: Store) -> None:
    doubted = Record("doubted", "Charge", Outcome.IN_DOUBT, b"digest")
    settled = Record("doubted", "Charge", Outcome.COMPLETED, b"digest", b"answer")
    with store.transaction(writes=True) as opened:
        opened.keep(doubted)
        opened.keep(TOMBSTONE)
        opened.settle(settled)
        opened.forget("doubted")
        opened.forget("key")
        assert opened.find("doubted", "key") == {"doubted": settled, "key": TOMBSTONE}
        with pytest.raises(KeyTakenError):
            opened.settle(Record("key", "Add", Outcome.COMPLETED, b"digest", b"answer"))


def test_creating_the_table_again_changes_nothing(store: Store) -> None:
    with store.transaction(writes=True) as opened:
        opened.keep(TOMBSTONE)
    store.create_table()
    with store.transaction(writes=False) as opened:
        assert opened.find("key", "") == {"key": TOMBSTONE}


def test_the_change_and_the_record_are_on_one_connection(store: Store) -> None:
    seen: list[object] = []

    def run() -> bytes:
        seen.extend([connection(), store.connection()])
        return b"reply"

    call = Call(Kind.COMMAND, "Add", b"request", CallMetadata("key"))
    assert answer(call, cast("Records", store), run) == Answer(b"reply")
    assert seen[0] is seen[1]
    with pytest.raises(RuntimeError, match="no transaction"):
        store.connection()


def test_connections_of_a_driver_are_used_again_and_broken_ones_are_not(tmp_path: Path) -> None:
    made: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        made.append(sqlite3.connect(tmp_path / "records.db", check_same_thread=False))
        return made[-1]

    records = DriverRecords(sqlite3, connect)
    records.create_table()
    with pytest.raises(sqlite3.OperationalError), records.transaction(writes=True):
        records.connection().execute("no statement")
    assert len(made) == 1
    with pytest.raises(sqlite3.ProgrammingError), records.transaction(writes=True):
        records.connection().close()
    with records.transaction(writes=True):
        assert records.connection() is made[1]
    records.close()


class Recorder:
    """A connection that keeps what it was asked to execute."""

    def __init__(self) -> None:
        self.executed: list[tuple[str, object]] = []

    def cursor(self) -> Any:  # noqa: ANN401
        def execute(statement: str, parameters: object) -> None:
            self.executed.append((statement, parameters))

        return SimpleNamespace(execute=execute)


@pytest.mark.parametrize(
    ("style", "statement", "parameters"),
    [
        ("qmark", "SELECT ? + ? + ?", [1, 2, 1]),
        ("format", "SELECT %s + %s + %s", [1, 2, 1]),
        ("numeric", "SELECT :1 + :2 + :3", [1, 2, 1]),
        ("named", "SELECT :a + :b + :a", {"a": 1, "b": 2}),
        ("pyformat", "SELECT %(a)s + %(b)s + %(a)s", {"a": 1, "b": 2}),
    ],
)
def test_statements_are_written_in_the_style_of_the_driver(style: str, statement: str, parameters: object) -> None:
    recorder, driver = Recorder(), cast("ModuleType", SimpleNamespace(paramstyle=style))
    CursorRecords(driver, recorder).execute("SELECT :a + :b + :a", {"a": 1, "b": 2})
    assert recorder.executed == [(statement, parameters)]


def test_a_connection_in_autocommit_is_refused() -> None:
    refuse: Callable[[object], None] = refuse_autocommit
    with pytest.raises(ValueError, match="autocommit"):
        refuse(SimpleNamespace(autocommit=True))
    for legacy in (SimpleNamespace(autocommit=False), SimpleNamespace(autocommit=-1), object()):
        refuse(legacy)


@pytest.mark.parametrize(
    ("error", "duplicate"),
    [
        (SimpleNamespace(sqlstate="23505"), True),
        (SimpleNamespace(pgcode="23505"), True),
        (SimpleNamespace(sqlstate="23514"), False),
        (None, False),
    ],
)
def test_a_lost_race_is_told_by_the_code_that_every_driver_of_postgresql_gives(error: Any, duplicate: bool) -> None:  # noqa: ANN401
    assert is_duplicate(error) is duplicate


def test_writers_of_one_process_wait_for_their_turn_before_they_begin(store: Store) -> None:
    inside, order = threading.Event(), []

    def write() -> None:
        # With no patience for a lock of SQLite, it would fail at once.
        inside.set()
        with store.transaction(writes=True) as opened:
            order.append("second")
            opened.keep(Record("other", "Add", Outcome.COMPENSATED))

    with ThreadPoolExecutor(1) as pool:
        with store.transaction(writes=True) as opened:
            second = pool.submit(write)
            inside.wait(20)
            opened.keep(TOMBSTONE)
            order.append("first")
        second.result()
    assert order == ["first", "second"]


async def test_a_task_whose_turn_does_not_come_goes_on_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    taking = turns.AsyncTurns()
    async with taking.taken(needed=True), taking.taken(needed=False):
        monkeypatch.setattr(turns, "_PATIENCE", 0.0)
        async with taking.taken(needed=True):
            pass
    assert await asyncio.wait_for(taking._has_turn(), 20)
