"""What became of the mutants: a text to read, and JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.mutants.trial import Outcome, Trial

if TYPE_CHECKING:
    from pathlib import Path

GOAL: Final = 0.95
_SURVIVED: Final = (Outcome.SURVIVED, Outcome.UNREACHED)


class Report(NamedTuple):
    """What became of the mutants.

    Attributes:
        seed: what drew them.
        mutants: how many there are altogether.
        drawn: how many were to be tried.
        trials: those that were.
    """

    seed: int
    mutants: int
    drawn: int
    trials: list[Trial]

    @property
    def survivors(self) -> list[Trial]:
        """The mutants that no test noticed."""
        return [trial for trial in self.trials if trial.outcome in _SURVIVED]

    @property
    def killed(self) -> int:
        """How many a test noticed."""
        return sum(trial.outcome is Outcome.KILLED for trial in self.trials)

    @property
    def score(self) -> float:
        """The share of those that change behaviour that a test noticed; 1 where there are none."""
        counted = self.killed + len(self.survivors)
        return self.killed / counted if counted else 1.0

    @property
    def is_good(self) -> bool:
        """As many were killed as are to be."""
        return self.score >= GOAL


def as_text(report: Report) -> str:
    """For people: the share, by folder, and each survivor."""
    unfinished = "" if len(report.trials) == report.drawn else f" ({len(report.trials)} of {report.drawn}: interrupted)"
    lines = [f"seed {report.seed}: {report.drawn} of {report.mutants} mutants{unfinished}", ""]
    for folder, trials in sorted(_by_folder(report.trials).items()):
        counts = Counter(trial.outcome for trial in trials)
        lines.append(f"  {folder:28} " + ", ".join(f"{counts[kind]} {kind}" for kind in Outcome if counts[kind]))
    killed = f"{report.score:.1%} of those that change behaviour are killed; {GOAL:.0%} are to be"
    lines += ["", killed if report.trials else "none was tried"]
    for trial in report.survivors:
        lines += ["", f"{trial.mutant.name}: {trial.outcome}, {trial.tests} tests", f"  - {trial.line}"]
        lines += [f"  + {trial.becomes}"]
    return "\n".join(lines) + "\n"


def write(report: Report, folder: Path) -> None:
    """Write both reports into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "report.txt").write_text(as_text(report))
    trials = [{**trial._asdict(), "mutant": trial.mutant._asdict()} for trial in report.trials]
    document = {"seed": report.seed, "mutants": report.mutants, "drawn": report.drawn, "score": report.score}
    (folder / "report.json").write_text(json.dumps({**document, "trials": trials}, indent=2) + "\n")


def _by_folder(trials: list[Trial]) -> dict[str, list[Trial]]:
    folders: dict[str, list[Trial]] = {}
    for trial in trials:
        folders.setdefault(trial.mutant.file.rpartition("/")[0], []).append(trial)
    return folders
