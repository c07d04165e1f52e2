"""What a page asks of a journal file is found through an index, in the order of that: nothing is scanned or sorted.

SQLite keeps no statistics of a journal, so it plans for an empty file what it plans for a full one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.state import UNFINISHED, Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.figures import Step
from orchestrator.store.sqlite.queries import queries
from orchestrator.store.sqlite.searching import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.store.sqlite.journal import SqliteJournal

SUSPENDED = frozenset({Status.SUSPENDED})
COMMAND, ADA = "shop.v1.Shop.Buy", (("customer_id", "ada"),)

LISTS = {
    "all": SagaFilter(),
    "of a definition": SagaFilter("buy"),
    **{f"that are {status.name}": SagaFilter(statuses=frozenset({status})) for status in Status},
    "of several statuses": SagaFilter(statuses=UNFINISHED | {Status.PARTIALLY_COMPENSATED, Status.SUSPENDED}),
    "of a definition and a status": SagaFilter("buy", SUSPENDED),
    "with an attribute": SagaFilter(attributes=ADA),
    "of a definition with an attribute": SagaFilter("buy", attributes=ADA),
    "of a failed command": SagaFilter(failed_command=COMMAND),
    "of a group at the desk": SagaFilter("buy", SUSPENDED, failed_command=COMMAND, reason_code="REJECTED"),
    "of a suspended reason": SagaFilter(statuses=SUSPENDED, reason="declined"),
    "of an attribute and a failed command": SagaFilter(attributes=ADA, failed_command=COMMAND),
}


def plan_of(journal: SqliteJournal, sql: str, values: Sequence[object] | Mapping[str, object]) -> list[str]:
    return [row[3] for row in journal._writing.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def table_scans(plan: Sequence[str]) -> list[str]:
    """What reads all of a table or an index."""
    return [step for step in plan if step.startswith("SCAN") and not step.startswith(("SCAN (subquery", "SCAN g"))]


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("position", [None, 7])
@pytest.mark.parametrize("which", LISTS)
async def test_a_list_reads_its_page_and_sorts_no_more_than_that(
    journal: SqliteJournal, which: str, position: int | None, *, oldest_first: bool
) -> None:
    where = LISTS[which]
    sql, values = statement(where, position, 51, oldest_first=oldest_first)
    plan = plan_of(journal, sql, values)

    in_order_of_start = ["SCAN s"] if which in {"all", "that are COMPLETED"} and position is None else []
    assert table_scans(plan) == in_order_of_start
    # Where several statuses are asked for, a page of each is sorted.
    sorts = [step for step in plan if "TEMP B-TREE" in step]
    assert len(sorts) == (len(where.statuses) if len(where.statuses) > 1 else 0)
    assert sql.count("LIMIT ?") == len(sorts) + 1
    reads_few = where.statuses and Status.COMPLETED not in where.statuses
    assert any("saga_not_completed (status=?" in step for step in plan) == bool(reads_few)


@pytest.mark.parametrize("statuses", [frozenset[Status](), frozenset({Status.COMPENSATED})])
async def test_a_text_is_looked_for_in_the_causes_alone(journal: SqliteJournal, statuses: frozenset[Status]) -> None:
    """Of the sagas that something went wrong with, the newest first, until the page is full."""
    plan = plan_of(journal, *statement(SagaFilter(statuses=statuses, reason="declined"), None, 51))

    assert plan[:2] == ["SCAN f", "SEARCH s USING INTEGER PRIMARY KEY (rowid=?)"]
    assert not any("TEMP B-TREE" in step for step in plan)


async def test_figures_are_ranges_of_their_key(journal: SqliteJournal) -> None:
    values = {"since": 0, "until": 9, "step": 3, "definition": "", "grains": json.dumps(Step.HOUR.grains)}
    plan = plan_of(journal, queries()["figures"], values)

    assert "SEARCH f USING PRIMARY KEY (grain=? AND at>? AND at<?)" in plan
    assert table_scans(plan) == []


async def test_what_is_counted_and_grouped_now_is_what_has_not_ended(journal: SqliteJournal) -> None:
    counts = plan_of(journal, queries()["count_sagas"], ())
    assert {step for step in counts if "saga" in step} == {
        "SEARCH s USING INDEX saga_not_completed (status=?)",
        "SEARCH s USING COVERING INDEX saga_parked (status=?)",
    }
    groups = plan_of(journal, queries()["suspended_groups"], ())
    assert groups[0] == "SEARCH s USING INDEX saga_not_completed (status=?)"
    assert table_scans([*groups, *counts]) == ["SCAN e"], "one row for each definition and status"


async def test_what_is_summed_up_is_a_range_of_the_key(journal: SqliteJournal) -> None:
    values = {"from": 0, "since": 0, "until": 9, "to": 2, "step": 3}
    for name in ("sum_figures", "drop_figures"):
        plan = plan_of(journal, queries()[name], values)
        assert table_scans(plan) == []
