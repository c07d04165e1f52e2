"""A mutant is put into a copy, and the tests that reach it are run: does one of them fail?"""

from __future__ import annotations

import enum
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from tests.mutants.running import run

if TYPE_CHECKING:
    from tests.mutants.mutations import Change, Mutant
    from tests.mutants.project import Project
    from tests.mutants.reach import Selection
    from tests.mutants.running import Stop

_NO_TESTS: Final = 5
_START_SECONDS: Final = 30.0
_TIMES_AS_LONG: Final = 4


class Outcome(enum.StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNREACHED = "not reached by any test"
    EQUIVALENT = "equivalent"


class Trial(NamedTuple):
    """A mutant, and what became of it.

    Attributes:
        line: the first line that is changed.
        becomes: what stands there instead.
        by: the test that failed, or why there was none; the reason of an equivalent one.
        tests: how many could have failed.
        seconds: how long it took.
    """

    mutant: Mutant
    line: str
    becomes: str
    outcome: Outcome
    by: str = ""
    tests: int = 0
    seconds: float = 0.0


class Copy:
    """A copy of the project that one mutant after another is put into, and that goes away."""

    def __init__(self, project: Project) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        self._root = Path(self._folder.name)
        self._environment = project.environment(self._root)
        self._options = project.options
        # Python compiles a file again where its instant differs, in whole seconds: each writing has one of its own.
        self._written_at = 1_000_000_000
        project.copy_to(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def attempt(self, mutant: Mutant, change: Change, selection: Selection, stop: Stop) -> Trial:
        """Put a mutant in, run tests, and take it out."""
        if not selection.tests:
            return Trial(mutant, change.line, change.becomes, Outcome.UNREACHED)
        listed = self._root / ".tests"
        listed.write_text("\n".join(selection.tests))
        original = (self._root / mutant.file).read_text()
        self._write(mutant.file, change.code)
        try:
            allowed = _START_SECONDS + _TIMES_AS_LONG * selection.seconds
            ended = run([*self._options, f"@{listed}"], self._root, self._environment, allowed, stop)
        finally:
            self._write(mutant.file, original)
        outcome = Outcome.SURVIVED if ended.code in {0, _NO_TESTS} else Outcome.KILLED
        by = "" if outcome is Outcome.SURVIVED else _killer(ended.code, ended.output)
        return Trial(mutant, change.line, change.becomes, outcome, by, len(selection.tests), round(ended.seconds, 1))

    def _write(self, file: str, code: str) -> None:
        self._written_at += 1
        (self._root / file).write_text(code)
        os.utime(self._root / file, (self._written_at, self._written_at))


def _killer(code: int | None, output: str) -> str:
    if code is None:
        return "it took too long"
    for line in output.splitlines():
        for word in ("FAILED ", "ERROR "):
            if line.startswith(word):
                return line.removeprefix(word).partition(" - ")[0]
    return f"pytest ended with {code}"
