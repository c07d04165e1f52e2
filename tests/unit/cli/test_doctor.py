"""`orchestrator doctor`: what it says, in which form, and with which exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.ports.findings import error, fine, warning
from orchestrator.store import opening

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from orchestrator.ports.findings import Finding

FINE = fine("schema", "nothing is missing")
WARNING = warning("clock", "it is late", "set it")
ERROR = error("disk", "it is\x1b[2J full", "free space")


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], catch_exceptions=False)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the journal is found to be like."""
    findings: list[Finding] = []

    async def examine(_url: str) -> list[Finding]:
        return findings

    monkeypatch.setattr(opening, "examine_store", examine)
    return findings


def test_each_finding_is_a_line_and_what_to_do_is_another(found: list[Finding]) -> None:
    found += [FINE, WARNING]
    told = doctor()

    assert told.exit_code == 0
    assert told.stdout == "fine     schema: nothing is missing\nwarning  clock: it is late\n         do: set it\n"


def test_an_error_ends_the_command_with_1_and_moves_no_cursor(found: list[Finding]) -> None:
    found += [FINE, WARNING, ERROR]
    told = doctor()

    assert told.exit_code == 1
    assert "\x1b" not in told.stdout
    assert told.stdout.endswith("error    disk: it is\\x1b[2J full\n         do: free space\n")


def test_the_findings_as_json_hold_the_same(found: list[Finding]) -> None:
    found += [WARNING, ERROR]
    told = doctor("--json")

    assert told.exit_code == 1
    assert json.loads(told.stdout) == [
        {"about": "clock", "severity": "warning", "what": "it is late", "advice": "set it"},
        {"about": "disk", "severity": "error", "what": "it is\x1b[2J full", "advice": "free space"},
    ]


def test_the_journal_that_is_named_is_looked_at_and_not_made(tmp_path: Path) -> None:
    told = doctor("--journal", f"sqlite:{tmp_path}/journal.db")

    assert told.exit_code == 0, "a journal that is not there yet is a warning"
    assert f"there is no journal {tmp_path}/journal.db yet" in told.stdout
    assert not [*tmp_path.iterdir()]


def test_a_journal_that_no_store_has_is_refused() -> None:
    told = doctor("--journal", "mysql:journal")

    assert told.exit_code == 1
    assert "ORCHESTRATOR_JOURNAL" in told.stderr


def test_the_participants_of_sagas_are_looked_at_where_they_are_named(found: list[Finding]) -> None:
    found.append(FINE)
    told = doctor(
        "--sagas",
        "tests.unit.testing.matrix.selling_saga",
        "--participant",
        "shop.payment.v1.PaymentService=127.0.0.1:1",
    )

    assert told.exit_code == 1
    assert "participant shop.payment.v1.PaymentService: nobody serves it at 127.0.0.1:1" in told.stdout
