"""A planted module with planted tests is mutated: what they say is noticed, what they do not say is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.mutants.equivalents import StaleEquivalent
from tests.mutants.reach import NotGreen
from tests.mutants.session import Session
from tests.mutants.trial import Outcome
from tests.unit.mutants.conftest import MODULE, TESTS

if TYPE_CHECKING:
    from tests.mutants.project import Project
    from tests.mutants.report import Report

_EQUIVALENT = """
[[equivalent]]
file = "planted/module.py"
line = "if value < 10:"
operator = "swap_op"
reason = "the limit itself is returned either way"
"""


def session(project: Project, equivalents: str = "") -> Session:
    folder = project.root.parent
    (folder / "equivalent.toml").write_text(equivalents)
    (folder / "cache").mkdir(exist_ok=True)
    return Session(project, folder / "equivalent.toml", folder / "cache", lambda _: None)


def contents(project: Project) -> dict[str, str]:
    return {name: Path(project.root, name).read_text() for name in project.files()}


def outcomes(report: Report) -> dict[str, Outcome]:
    return {f"{trial.line} -> {trial.becomes}": trial.outcome for trial in report.trials}


def test_what_a_test_says_is_noticed_and_the_working_tree_stays_as_it_is(planted: Project) -> None:
    before = contents(planted)
    tried = session(planted, _EQUIVALENT)

    report = tried.run(tried.draw(100, seed=1), 1, workers=2)

    assert outcomes(report) == {
        "if value < 10: -> if value <= 10:": Outcome.EQUIVALENT,
        "if value < 10: -> if value < 11:": Outcome.SURVIVED,
        "return 10 -> return 11": Outcome.KILLED,
        "return value - 1 -> return value + 1": Outcome.UNREACHED,
        "return value - 1 -> return value - 2": Outcome.UNREACHED,
    }
    assert report.score == 1 / 4
    assert not report.is_good
    assert {trial.by for trial in report.trials if trial.outcome is Outcome.KILLED} == {
        "tests/test_planted.py::test_a_value_is_limited[11]"
    }
    assert contents(planted) == before


@pytest.mark.parametrize("imports", ["from planted.limits import LIMIT", "from planted import limits"])
def test_a_constant_is_tried_with_the_tests_of_the_modules_that_import_it(planted: Project, imports: str) -> None:
    limit = imports.rpartition(" ")[2] if "LIMIT" in imports else "limits.LIMIT"
    (planted.root / "planted/limits.py").write_text("LIMIT = 10\n")
    (planted.root / "planted/module.py").write_text(
        f"{imports}\n\ndef limited(value):\n    return min(value, {limit})\n"
    )
    tried = session(planted)

    report = tried.run(tried.draw(100, seed=1, only=["planted/limits.py"]), 1, workers=1)

    assert outcomes(report) == {
        "LIMIT = 10 -> LIMIT = None": Outcome.KILLED,
        "LIMIT = 10 -> LIMIT = 11": Outcome.KILLED,
    }


def test_a_mutant_that_never_ends_is_killed(planted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (planted.root / "planted/module.py").write_text("def last(n):\n    while n > 0:\n        n -= 1\n    return n\n")
    (planted.root / "tests/test_planted.py").write_text(
        "from planted.module import last\n\ndef test_it_counts_down():\n    assert last(3) == 0\n"
    )
    monkeypatch.setattr("tests.mutants.trial._START_SECONDS", 2)
    tried = session(planted)
    drawn = tried.draw(100, seed=1)
    forever = {mutant: change for mutant, change in drawn.changes.items() if change.becomes == "n += 1"}

    report = tried.run(drawn._replace(changes=forever), 1, workers=1)

    assert [(trial.outcome, trial.by) for trial in report.trials] == [(Outcome.KILLED, "it took too long")]


def test_tests_that_fail_without_a_mutant_are_refused(planted: Project) -> None:
    (planted.root / "tests/test_planted.py").write_text("def test_it_fails():\n    assert False\n")
    tried = session(planted)

    with pytest.raises(NotGreen, match="although nothing is mutated"):
        tried.run(tried.draw(1, seed=1), 1, workers=1)


@pytest.mark.parametrize(("when", "tried_by_then"), [("recording", 0), ("of 5", 1)])
def test_a_stopped_run_tells_what_it_has_and_leaves_nothing_behind(
    planted: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, tried_by_then: int
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = contents(planted)
    tried = session(planted)
    tried._say = lambda line: tried.stop.set() if when in line else None

    report = tried.run(tried.draw(100, seed=1), 1, workers=1)

    assert len(report.trials) == tried_by_then < report.drawn
    assert list(temporary.iterdir()) == []
    assert contents(planted) == before


def test_an_equivalent_mutant_that_is_not_there_any_more_is_refused(planted: Project) -> None:
    with pytest.raises(StaleEquivalent, match="no mutant of the operator swap_op on the line 'if value > 10:'"):
        session(planted, _EQUIVALENT.replace("<", ">")).draw(1, seed=1)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (_EQUIVALENT.replace("swap_op", "lambda"), "the operator lambda"),
        (_EQUIVALENT.replace("module.py", "gone.py"), "planted/gone.py has no mutant"),
        (_EQUIVALENT + 'becomes = "if value > 10:"', "that becomes 'if value > 10:'"),
        (_EQUIVALENT.replace("the limit itself is returned either way", " "), "has no reason"),
        (_EQUIVALENT.replace("operator", "kind"), "must have file, line, operator and reason"),
    ],
    ids=["operator", "file", "becomes", "no reason", "misspelt"],
)
def test_an_entry_that_names_no_mutant_or_no_reason_is_refused(planted: Project, entry: str, told: str) -> None:
    with pytest.raises(StaleEquivalent, match=told):
        session(planted, entry).draw(1, seed=1)


def test_an_edit_during_a_run_changes_nothing_in_it(planted: Project) -> None:
    with planted.frozen() as frozen:
        before = frozen.digest()
        (planted.root / "planted/module.py").write_text("it is being written\n")

        assert contents(frozen)["planted/module.py"] == MODULE
        assert frozen.digest() == before != planted.digest()


def test_what_was_recorded_is_kept_until_a_file_changes(planted: Project) -> None:
    first = planted.digest()

    assert planted.digest() == first
    (planted.root / "tests/test_planted.py").write_text(TESTS + "\n")
    assert planted.digest() != first
