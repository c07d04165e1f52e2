"""Which tests reach a line: recorded once from a run of the tests as they are, and kept for as long as nothing changes.

That run must be green: a test that fails without a mutant would seem to kill every one.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from coverage import CoverageData

from tests.mutants.running import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.mutants.mutations import Mutant
    from tests.mutants.project import Project
    from tests.mutants.running import Stop

_RECORDING_SECONDS: Final = 1800
_SECONDS_AT_MOST: Final = 40.0
_SLOW_PLACES: Final = ("tests/unit/simulation/", "tests/unit/testing/", "tests/conformance/", "tests/integration/")


class NotGreen(Exception):
    """The tests are not green although nothing is mutated."""


class Selection(NamedTuple):
    """The tests that are run for a mutant.

    Attributes:
        tests: their ids, those of one file together: the unit tests of the mutant's own package, then quick ones.
        seconds: what they took, unmutated and recorded.
    """

    tests: list[str]
    seconds: float


class Reach:
    """What was recorded."""

    def __init__(self, project: Project, folder: Path) -> None:
        self._project = project
        self._lines = CoverageData(str(folder / "lines"))
        self._lines.read()
        self._files = {Path(name).as_posix(): name for name in self._lines.measured_files()}
        self._seconds: dict[str, float] = json.loads((folder / "seconds.json").read_text())
        self._by_file: dict[str, dict[int, list[str]]] = {}

    def tests_for(self, mutant: Mutant) -> Selection:
        """The tests that reach what is changed.

        Where it runs on import alone, as a constant does, those that reach anything in the file, or in one that imports
        it: it is unknown whether they use it.

        No more than take forty seconds: the quickest.
        """
        lines = self._contexts(mutant.file)
        reached = {
            test for line in range(mutant.first_line, mutant.last_line + 1) for test in lines.get(line, ()) if test
        }
        imported = any(line in lines for line in range(mutant.first_line, mutant.last_line + 1))
        if not reached and imported:
            files = (mutant.file, *self._project.users(mutant.file))
            reached = {test for file in files for tests in self._contexts(file).values() for test in tests if test}
        return self._select(reached, f"tests/unit/{Path(mutant.file).parent.name}/")

    def _select(self, tests: set[str], first: str) -> Selection:
        chosen: set[str] = set()
        total = 0.0
        for test in sorted(tests, key=lambda test: (self._seconds.get(test, 0), test)):
            seconds = self._seconds.get(test, 0)
            if total + seconds > _SECONDS_AT_MOST:
                break
            chosen.add(test)
            total += seconds
        modules: dict[str, list[str]] = {}
        for test in self._seconds:  # in the order in which they ran
            if test in chosen:
                modules.setdefault(test.partition("::")[0], []).append(test)
        ordered = sorted(
            modules,
            key=lambda module: (
                not module.startswith(first),
                module.startswith(_SLOW_PLACES),
                self._sum(modules[module]),
            ),
        )
        return Selection([test for module in ordered for test in modules[module]], total)

    def _sum(self, tests: list[str]) -> float:
        return sum(self._seconds[test] for test in tests)

    def _contexts(self, file: str) -> dict[int, list[str]]:
        if file not in self._by_file:
            name = next((name for path, name in self._files.items() if path.endswith("/" + file)), None)
            self._by_file[file] = {} if name is None else self._lines.contexts_by_lineno(name)
        return self._by_file[file]


def recorded(project: Project, cache: Path, stop: Stop, say: Callable[[str], None]) -> Reach:
    """What reaches what, recorded now unless that was done for the very same files.

    Raises:
        NotGreen: without a mutant.
    """
    folder = cache / f"reach-{project.digest()}"
    if not (folder / "seconds.json").exists():
        say("recording which tests reach which line; this takes a few minutes, and is kept until a file changes")
        for old in cache.glob("reach-*"):
            shutil.rmtree(old)
        _record(project, folder, stop)
    return Reach(project, folder)


def _record(project: Project, folder: Path, stop: Stop) -> None:
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        copy, fresh = Path(temporary, "copy"), Path(temporary, "record")
        project.copy_to(copy)
        fresh.mkdir()
        environment = project.environment(copy) | {
            "PYTHONPATH": os.pathsep.join([project.environment(copy)["PYTHONPATH"], str(Path(__file__).parents[2])]),
            "MUTANTS_RECORD": str(fresh),
            "MUTANTS_SOURCES": os.pathsep.join(f"{copy}/{name}" for name in project.measured()),
        }
        ignored = [f"--ignore={place}" for place in project.left_out]
        ended = run(
            ["-p", "tests.mutants.recording", *ignored, *project.tests], copy, environment, _RECORDING_SECONDS, stop
        )
        if ended.code:
            raise NotGreen(f"the tests fail although nothing is mutated: mend them first\n{ended.output[-4000:]}")
        shutil.copytree(fresh, folder)
