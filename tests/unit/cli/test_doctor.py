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


def doctor(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], catch_exceptions=False, env=variables)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the journal, which lies in no file, is found to be like; the settings are in order."""
    monkeypatch.setenv("ORCHESTRATOR_JOURNAL", "memory:")
    findings: list[Finding] = []

    async def examine(_url: str) -> list[Finding]:
        return findings

    monkeypatch.setattr(opening, "examine_store", examine)
    return findings


def test_each_finding_is_a_line_and_what_to_do_is_another(found: list[Finding]) -> None:
    found += [FINE, WARNING]
    told = doctor()

    assert told.exit_code == 0
    assert told.stdout == (
        "fine     schema: nothing is missing\nwarning  clock: it is late\n         do: set it\n"
        "fine     settings: every variable ORCHESTRATOR_… that is set here is read\n"
    )


def test_an_error_ends_the_command_with_1_and_moves_no_cursor(found: list[Finding]) -> None:
    found += [FINE, WARNING, ERROR]
    told = doctor()

    assert told.exit_code == 1
    assert "\x1b" not in told.stdout
    assert "error    disk: it is\\x1b[2J full\n         do: free space\n" in told.stdout


def test_the_findings_as_json_hold_the_same(found: list[Finding]) -> None:
    found += [WARNING, ERROR]
    told = doctor("--json")

    assert told.exit_code == 1
    assert json.loads(told.stdout)[:2] == [
        {"about": "clock", "severity": "warning", "what": "it is late", "advice": "set it"},
        {"about": "disk", "severity": "error", "what": "it is\x1b[2J full", "advice": "free space"},
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ORCHESTRATOR_SAGA", "ORCHESTRATOR_SAGA, perhaps meant as ORCHESTRATOR_SAGAS"),
        ("ORCHESTRATOR_LEASE_SECS", "ORCHESTRATOR_LEASE_SECS, perhaps meant as ORCHESTRATOR_LEASE_SECONDS"),
        ("orchestrator_journl", "orchestrator_journl, perhaps meant as ORCHESTRATOR_JOURNAL"),
        ("ORCHESTRATOR_COLOUR", "nobody reads ORCHESTRATOR_COLOUR\n"),
    ],
)
@pytest.mark.usefixtures("found")
def test_a_variable_that_nobody_reads_is_named_with_the_one_that_may_be_meant(name: str, told: str) -> None:
    answer = doctor(**{name: "1"})

    assert answer.exit_code == 0
    assert "warning  settings: nobody reads " in answer.stdout
    assert told in answer.stdout
    assert "do: correct the name, or remove the variable" in answer.stdout


@pytest.mark.usefixtures("found")
def test_every_variable_that_something_reads_is_fine() -> None:
    answer = doctor(
        ORCHESTRATOR_ADDRESS="127.0.0.1:1",
        ORCHESTRATOR_TOKEN="saga_token",
        ORCHESTRATOR_CLIENT_TLS_CA="ca.pem",
        ORCHESTRATOR_LEASE_SECONDS="9",
        STATE_DIR=".",
        ORCHESTRA="1",
        orchestrator_listen="a:1",
    )

    assert "fine     settings" in answer.stdout


def test_the_participants_of_the_sagas_that_the_environment_names_are_looked_at(found: list[Finding]) -> None:
    found.append(FINE)
    told = doctor(
        ORCHESTRATOR_SAGAS="tests.unit.testing.matrix.selling_saga",
        ORCHESTRATOR_PARTICIPANTS="shop.payment.v1.PaymentService=127.0.0.1:1",
    )

    assert "participant shop.payment.v1.PaymentService: nobody serves it at 127.0.0.1:1" in told.stdout


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
