"""A run: the mutants are drawn, and tried by one worker or two, each in a copy of its own."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tests.mutants.equivalents import find_equivalents, read_equivalents
from tests.mutants.mutations import Change, Mutable, Mutant
from tests.mutants.reach import Reach, recorded
from tests.mutants.report import Report
from tests.mutants.running import Stop, Stopped
from tests.mutants.sampling import sample
from tests.mutants.trial import Copy, Outcome, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.mutants.project import Project


class Drawn(NamedTuple):
    """The mutants of a run.

    Attributes:
        total: how many there are altogether.
        changes: those that are tried.
        equivalents: those that need not be, with the reasons.
    """

    total: int
    changes: dict[Mutant, Change]
    equivalents: dict[Mutant, str]


class Session:
    """What a run is about.

    Attributes:
        stop: set it, and the run ends soon.
    """

    def __init__(self, project: Project, equivalents: Path, cache: Path, say: Callable[[str], None]) -> None:
        self.stop = Stop()
        self._project = project
        self._equivalents = equivalents
        self._cache = cache
        self._say = say

    def draw(self, number: int, seed: int, only: Sequence[str] = ()) -> Drawn:
        """Draw the mutants.

        Raises:
            StaleEquivalent: the list of equivalent ones is not as it should be.
        """
        files = {name: Mutable(name, (self._project.root / name).read_text()) for name in self._project.mutated()}
        equivalents = find_equivalents(read_equivalents(self._equivalents), files)
        mutants = [mutant for name in self._project.mutated(only) for mutant in files[name].mutants]
        drawn = {mutant: files[mutant.file].change(mutant) for mutant in sample(mutants, number, seed)}
        changes = {mutant: change for mutant, change in drawn.items() if change is not None}
        return Drawn(len(mutants), changes, equivalents)

    def run(self, drawn: Drawn, seed: int, workers: int) -> Report:
        """Try the mutants; what became of those that were tried before the user stopped the run.

        Raises:
            NotGreen: although nothing is mutated.
        """
        report = Report(seed, drawn.total, len(drawn.changes), [])
        try:
            reach = recorded(self._project, self._cache, self.stop, self._say)
        except Stopped:
            return report
        waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
        for mutant in drawn.changes:
            waiting.put(mutant)
        with ThreadPoolExecutor(workers) as pool:
            tasks = [pool.submit(self._work, drawn, waiting, reach, report) for _ in range(workers)]
            try:
                for task in tasks:
                    task.result()
            finally:
                self.stop.set()
        return report

    def _work(self, drawn: Drawn, waiting: queue.SimpleQueue[Mutant], reach: Reach, report: Report) -> None:
        with Copy(self._project) as copy:
            while not self.stop.is_set():
                try:
                    mutant = waiting.get_nowait()
                    trial = self._attempt(copy, drawn, mutant, reach)
                except (queue.Empty, Stopped):
                    return
                report.trials.append(trial)
                self._say(f"{len(report.trials):4} of {report.drawn}  {trial.outcome:9} {_told(trial)}")

    def _attempt(self, copy: Copy, drawn: Drawn, mutant: Mutant, reach: Reach) -> Trial:
        change = drawn.changes[mutant]
        if mutant in drawn.equivalents:
            reason = drawn.equivalents[mutant]
            return Trial(mutant, change.line, change.becomes, Outcome.EQUIVALENT, reason)
        return copy.attempt(mutant, change, reach.tests_for(mutant), self.stop)


def _told(trial: Trial) -> str:
    told = f"{trial.mutant.name}  {trial.seconds} s, {trial.tests} tests"
    if trial.outcome in {Outcome.KILLED, Outcome.EQUIVALENT}:
        return told
    return f"{told}\n       - {trial.line}\n       + {trial.becomes}"
