"""Two deliveries of one key that are inside of their transactions at once, on PostgreSQL: one of them takes effect."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, make_url, text

from orchestrator.participant import GuardRefusal, Kind, connection
from orchestrator.participant.driving import answer, answer_async
from orchestrator.participant.engines import EngineRecords
from orchestrator.participant.errors import RefusedError
from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.steps import Answer, Call
from tests.conformance.participants.forms import async_records, driver_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.participant.driving import Records

pytestmark = pytest.mark.long

TABLE = "CREATE TABLE IF NOT EXISTS effects (name TEXT NOT NULL)"
ADD = Call(Kind.COMMAND, "Add", b"request", CallMetadata("command"))
REMOVE = Call(Kind.COMPENSATION, "Remove", b"request", CallMetadata("undo", compensates="command"))


@pytest.fixture(params=["driver", "engine"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def records(form: str, postgres_url: str) -> Iterator[Records]:
    if form == "driver":
        on_driver = driver_records(postgres_url)
        on_driver.create_table()
        with on_driver.transaction(writes=True) as statements:
            statements.execute(TABLE)
        yield on_driver
        on_driver.close()
    else:
        engine = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"))
        on_engine = EngineRecords(engine)
        on_engine.create_table()
        with engine.begin() as opened:
            opened.execute(text(TABLE))
        yield on_engine
        engine.dispose()


def execute(form: str, statement: str) -> int:
    current = connection()
    done = current.execute(statement if form == "driver" else text(statement))
    return int(done.fetchone()[0]) if statement.startswith("SELECT") else 0


def both(first: Callable[[], Answer], second: Callable[[], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(2) as pool:
        return [each.result() for each in [pool.submit(first), pool.submit(second)]]


def effects(form: str, records: Records) -> int:
    query = Call(Kind.QUERY, "Show", b"", CallMetadata())
    shown = answer(query, records, lambda: b"%d" % execute(form, "SELECT count(*) FROM effects"))
    return int(shown.content)


class Meeting:
    """The first run of each thread waits until the other thread is inside, too."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2, timeout=30)
        self._waited: set[int] = set()
        self.runs = 0

    def meet(self) -> None:
        self.runs += 1
        if threading.get_ident() not in self._waited:
            self._waited.add(threading.get_ident())
            self._barrier.wait()


def test_the_loser_of_a_race_takes_its_change_back_and_gets_the_winners_reply(form: str, records: Records) -> None:
    meeting = Meeting()

    def run() -> bytes:
        meeting.meet()
        execute(form, "INSERT INTO effects (name) VALUES ('effect')")
        return b"reply of %d" % threading.get_ident()

    first, second = both(lambda: answer(ADD, records, run), lambda: answer(ADD, records, run))
    assert first == second
    assert meeting.runs == 2
    assert effects(form, records) == 1


def test_of_two_rejections_that_race_the_first_recorded_one_answers_both(records: Records) -> None:
    meeting = Meeting()

    def run() -> bytes:
        meeting.meet()
        raise RefusedError(b"rejection of %d" % threading.get_ident())

    first, second = both(lambda: answer(ADD, records, run), lambda: answer(ADD, records, run))
    assert first == second
    assert (first.rejected, first.echo) == (True, True)


def test_of_two_deliveries_of_a_foreign_command_one_calls_and_the_other_is_in_doubt(records: Records) -> None:
    foreign = Call(Kind.FOREIGN, "Charge", b"request", CallMetadata("command"))

    def run() -> bytes:
        with pytest.raises(GuardRefusal) as refused:
            answer(foreign, records, lambda: b"second charge")
        assert refused.value.reason == "COMMAND_IN_DOUBT"
        return b"charged"

    assert answer(foreign, records, run) == Answer(b"charged")
    assert answer(foreign, records, lambda: b"second charge") == Answer(b"charged")


def test_a_command_that_was_inside_when_its_compensation_came_first_leaves_no_effect(
    form: str, records: Records
) -> None:
    undone: list[Answer] = []

    def run() -> bytes:
        # It commits its tombstone while this transaction, which has found no record, is open.
        with ThreadPoolExecutor(1) as pool:
            undone.append(pool.submit(answer, REMOVE, records, lambda: b"undone").result())
        execute(form, "INSERT INTO effects (name) VALUES ('effect')")
        return b"reply"

    with pytest.raises(GuardRefusal) as refused:
        answer(ADD, records, run)
    assert (refused.value.reason, refused.value.echo) == ("COMMAND_COMPENSATED", True)
    assert undone == [Answer(b"")]
    assert effects(form, records) == 0


async def test_the_loser_of_a_race_of_coroutines_takes_its_change_back(postgres_url: str) -> None:
    both_inside = asyncio.Barrier(2)
    waited: set[object] = set()
    async with async_records(postgres_url) as records:
        async with records.transaction(writes=True):
            await records.connection().execute(text(TABLE))

        async def run() -> bytes:
            await records.connection().execute(text("INSERT INTO effects (name) VALUES ('effect')"))
            task = asyncio.current_task()
            if task not in waited:
                waited.add(task)
                await both_inside.wait()
            return str(id(task)).encode()

        first, second = await asyncio.gather(answer_async(ADD, records, run), answer_async(ADD, records, run))
        assert first == second
        async with records.transaction(writes=False):
            assert (await records.connection().execute(text("SELECT count(*) FROM effects"))).scalar_one() == 1


def test_connections_that_commit_each_statement_by_themselves_are_refused(postgres_url: str) -> None:
    url = make_url(postgres_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with pytest.raises(ValueError, match="without autocommit"):
        answer(ADD, EngineRecords(engine), lambda: b"reply")
    engine.dispose()
