"""What a page asks of a journal on PostgreSQL reads about as many rows as it tells, whatever else there is.

PostgreSQL plans by what it has counted, so the journal is one that has been in use for a month.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from orchestrator.journal.state import UNFINISHED, Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.figures import DAY, HOUR, Cut, Step
from orchestrator.store.opening import open_store
from orchestrator.store.postgres.queries import queries
from orchestrator.store.postgres.searching import statement
from tests.support.journals import AT
from tests.support.many_sagas import DECLINED, FREQUENT, RARE, write_many
from tests.support.postgres import new_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOW: Final = AT // DAY * DAY + DAY // 2
SAGAS: Final = 20_000
PAGE: Final = 51
SUSPENDED: Final = frozenset({Status.SUSPENDED})
CUSTOMER: Final = (("customer_id", "customer-7"),)

LISTS: Final = {
    "all": SagaFilter(),
    "of a frequent definition": SagaFilter(FREQUENT),
    "of a rare definition": SagaFilter(RARE),
    **{f"that are {status.name}": SagaFilter(statuses=frozenset({status})) for status in Status},
    "of several statuses": SagaFilter(statuses=UNFINISHED | SUSPENDED),
    "of a rare definition that wait": SagaFilter(RARE, frozenset({Status.WAITING})),
    "with an attribute": SagaFilter(attributes=CUSTOMER),
    "of a definition with an attribute": SagaFilter(FREQUENT, attributes=CUSTOMER),
    "of a failed command": SagaFilter(failed_command=DECLINED),
    "of a group at the desk": SagaFilter(FREQUENT, SUSPENDED, failed_command=DECLINED, reason_code="REJECTED"),
    "of a suspended reason": SagaFilter(statuses=SUSPENDED, reason="card 77"),
}


@pytest.fixture(scope="module")
def in_use(postgres_server: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A database with a month of sagas, as the server's own housekeeping leaves it."""

    async def fill(url: str) -> None:
        journal = await open_store(url)
        await write_many(journal, SAGAS, NOW)
        while await journal.sum_up(Cut.at(NOW)):
            pass
        await journal.close()

    with new_database(postgres_server) as url:
        asyncio.run(fill(url))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
            yield connection


def rows_read(connection: psycopg.Connection[tuple[Any, ...]], sql: str, values: Sequence[object]) -> int:
    """How many rows a statement reads of the tables that grow with the journal.

    Of those that hold what has not ended, or did not end well, PostgreSQL may find it cheaper to read all.
    """
    cursor = psycopg.RawCursor(connection)
    ((plan,),) = cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values).fetchall()
    return read_by((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def read_by(node: dict[str, Any]) -> int:
    rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    is_large = node.get("Relation Name") in {"saga", "ended_saga", "attribute", "figure", "chunk"}
    return int(rows * is_large) + sum(map(read_by, node.get("Plans", [])))


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("which", LISTS)
def test_a_list_reads_little_more_than_its_page(
    in_use: psycopg.Connection[tuple[Any, ...]], which: str, *, oldest_first: bool
) -> None:
    for position in (None, SAGAS // 2):
        sql, values = statement(LISTS[which], position, PAGE, oldest_first=oldest_first)
        assert rows_read(in_use, sql, values) < 25 * PAGE


def test_figures_of_a_day_read_the_rows_of_that_day(in_use: psycopg.Connection[tuple[Any, ...]]) -> None:
    window = (NOW - DAY, NOW, HOUR, [int(grain) for grain in Step.HOUR.grains], "")
    of_a_day = rows_read(in_use, queries()["figures"], window)
    ((all_rows,),) = in_use.execute("SELECT count(*) FROM figure").fetchall()

    assert of_a_day < SAGAS // 10
    assert all_rows > 10 * of_a_day


def test_counts_and_groups_read_what_has_not_ended(in_use: psycopg.Connection[tuple[Any, ...]]) -> None:
    for name in ("count_sagas", "suspended_groups"):
        assert rows_read(in_use, queries()[name], ()) == 0, name
