"""`python -m tests.mutants`: what it ends with, and what it leaves to read."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.mutants import __main__ as command
from tests.mutants.report import Report
from tests.mutants.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mutants.project import Project
    from tests.mutants.session import Drawn


@pytest.fixture
def reports(planted: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the command leaves its reports; what it mutates is the planted project."""
    before = signal.getsignal(signal.SIGINT)
    (tmp_path / "equivalent.toml").touch()
    monkeypatch.setattr(command, "REPOSITORY", planted)
    monkeypatch.setattr(command, "_EQUIVALENTS", tmp_path / "equivalent.toml")
    monkeypatch.setattr(command, "_REPORTS", tmp_path / "reports")
    yield tmp_path / "reports"
    signal.signal(signal.SIGINT, before)


def test_survivors_are_shown_and_make_it_fail(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--seed", "1"]) == 1

    text = (reports / "report.txt").read_text()
    document = json.loads((reports / "report.json").read_text())
    assert text in capsys.readouterr().out
    assert "seed 1: 5 of 5 mutants\n" in text
    assert "planted/module.py:4 swap_op #0: survived, 3 tests\n  - if value < 10:\n  + if value <= 10:\n" in text
    assert "20.0% of those that change behaviour are killed; 95% are to be" in text
    assert [trial["outcome"] for trial in document["trials"]].count("killed") == 1
    assert document["score"] == 1 / 5


def test_all_killed_is_a_success(reports: Path, planted: Project) -> None:
    (planted.root / "planted/module.py").write_text("def limited(value):\n    return min(value, 10)\n")

    assert command.main(["--seed", "1"]) == 0
    assert "100.0% of those that change behaviour are killed" in (reports / "report.txt").read_text()


def test_a_list_tries_nothing(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0

    assert "  - return value - 1\n  + return value + 1\n" in capsys.readouterr().out
    assert not reports.exists()


def test_a_place_where_nothing_is_mutated_is_told(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "tests"]) == 2

    assert "nothing to mutate in tests: name one of planted" in capsys.readouterr().out
    assert not reports.exists()


def test_a_stale_list_of_equivalent_mutants_is_told(
    reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "equivalent.toml").write_text(
        '[[equivalent]]\nfile = "planted/module.py"\nline = "gone"\noperator = "number"\nreason = "none"\n'
    )

    assert command.main([]) == 2
    assert "no mutant of the operator number on the line 'gone'" in capsys.readouterr().err
    assert not reports.exists()


def test_an_interrupt_ends_it_with_what_there_is(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(session: Session, drawn: Drawn, seed: int, _workers: int) -> Report:
        os.kill(os.getpid(), signal.SIGINT)
        assert session.stop.wait(timeout=5)
        return Report(seed, drawn.total, len(drawn.changes), [])

    monkeypatch.setattr(Session, "run", run)

    assert command.main(["--seed", "1"]) == 130
    text = (reports / "report.txt").read_text()
    assert "0 of 5: interrupted" in text
    assert "none was tried" in text
    assert "%" not in text
