"""What people and programs are told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.bench.options import parse
from tests.bench.plot import draw
from tests.bench.report import as_json, finding_table, load_table, share_table, told
from tests.bench.results import Finding, Load, Results, Share, at_least, at_most
from tests.bench.rounds import Measured
from tests.bench.spread import Spread

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

RATIO = Spread(0.9, 0.8, 1.0)
CPU = {"orchestrator": 400.0, "participant": 500.0, "receiver": 30.0}


def measured(contender: str) -> Measured:
    rate = Spread(1200.0, 1100.0, 1300.0)
    return Measured(contender, rate, Spread.of([2.5]), Spread.of([9.0]), RATIO, RATIO, CPU, RATIO)


LOADS = [Load("forward", 32, measured("bare")), Load("forward", 32, measured("saga"), flushes=0.5, written=12.3)]
FINDINGS = [
    Finding("rate", RATIO, "", at_least(0.95)),
    Finding("memory", Spread.of([7.5]), "KiB", at_most(15), "RSS"),
    Finding("get", Spread.of([0.25]), "ms"),
]


def text(table: Table) -> list[str]:
    console = Console(width=170)
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


def test_each_result_stands_beside_its_goal() -> None:
    rows = text(finding_table(FINDINGS))

    assert next(row for row in rows if "rate" in row).split("│")[2:5] == [
        " 0.90 (0.80-1.00) ",
        " ≥ 0.95 ",
        " missed  ",
    ]
    assert "≤ 15" in next(row for row in rows if "memory" in row)
    assert not any(word in next(row for row in rows if "get" in row) for word in ("reached", "missed"))


def test_a_load_shows_its_rate_latency_cpu_and_what_it_cost_the_disk() -> None:
    bare, saga = [row for row in text(load_table(LOADS)) if "forward" in row]

    assert [cell.strip() for cell in saga.split("│")[1:-1]] == (
        ["forward", "32", "saga", "1200", "0.90 (0.80-1.00)", "2.50", "9.00", "400", "500", "30", "", "0.50", "12.3"]
    )
    assert "0.90" not in bare


def test_each_process_has_its_share_of_an_order_by_store() -> None:
    shares = [Share("SQLite", 32, "orchestrator", 5000.0, 2.5), Share("PostgreSQL", 32, "database", 1700.4, None)]

    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in text(share_table(shares)) if row.startswith("│")]

    assert rows == [["orchestrator", "5000", "2.50", "", ""], ["database", "", "", "1700", ""]]


def test_programs_read_the_same() -> None:
    written = json.loads(as_json(Results(LOADS, FINDINGS), parse([])))

    assert written["loads"][1]["measured"]["ratio"] == {"median": 0.9, "lowest": 0.8, "highest": 1.0}
    assert [finding["reached"] for finding in written["findings"]] == [False, True, None]
    assert written["options"]["stored"] == 100_000


@pytest.mark.parametrize(
    ("spread", "expected"),
    [(Spread(0.9, 0.8, 1.0), "0.90 (0.80-1.00)"), (Spread.of([3.0]), "3.00"), (Spread.of([12345.6]), "12346")],
)
def test_a_spread_is_told_in_brackets(spread: Spread, expected: str) -> None:
    assert told(spread) == expected


def test_the_plot_names_every_contender(tmp_path: Path) -> None:
    draw(LOADS, tmp_path / "cost.svg")

    assert (tmp_path / "cost.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_only_what_is_asked_for_is_run_in_the_usual_order() -> None:
    assert parse(["--only", "stored", "forward"]).only == ("forward", "stored")
    assert parse(["--full"]).stored == 1_000_000
    assert parse(["--sagas", "10", "--in-flight", "32"]).sagas_at(32) == 128
    assert parse(["--sagas", "700"]).sagas_at(32, calls=7) == 400
    assert parse(["--full"]).rollback_in_flight == (1, 32, 256)
    assert parse(["--in-flight", "5", "9"]).rollback_in_flight == (5,)
