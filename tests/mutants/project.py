"""What is mutated, and what may notice it: the files of a repository, and a copy of them to be spoilt.

The working tree is only ever read. A copy has the files that git knows or would take, and comes first on the path
of Python, in this process's tests and in the processes that they start.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What looks at nothing that is mutated; ourselves first of all.
_LEFT_OUT: Final = ("tests/mutants", "tests/unit/mutants", "tests/unit/bench", "tests/unit/services")


class Project(NamedTuple):
    """A repository.

    Attributes:
        root: its folder.
        sources: the files and folders that are mutated, relative to the root.
        tests: the files and folders of the tests that may notice, relative to the root.
        left_out: folders beneath ``tests`` that are not run.
        python_path: what is put on the path of Python, relative to the root.
        around: further files and folders, which use what is mutated.
        options: what pytest is told when a mutant is tried.
        spared: files and folders beneath ``sources`` that are not mutated.
    """

    root: Path
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    python_path: tuple[str, ...] = (".",)
    around: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()

    def files(self) -> list[str]:
        """What git knows or would take, relative to the root; every file, where there is no git."""
        if not (self.root / ".git").exists():
            return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return sorted(name for name in set(listed.split("\0")) if name and (self.root / name).is_file())

    def mutated(self, only: Sequence[str] = ()) -> list[str]:
        """The Python files that are mutated, or those of them in some folders or files."""
        return [
            name
            for name in self.files()
            if name.endswith(".py")
            and _beneath(name, self.sources)
            and _beneath(name, only or self.sources)
            and not _beneath(name, self.spared)
        ]

    def measured(self) -> list[str]:
        """The Python files of which it is recorded which test reaches them."""
        return [name for name in self.files() if name.endswith(".py") and _beneath(name, self.sources + self.around)]

    def users(self, file: str) -> list[str]:
        """The measured files that import this one."""
        package, _, name = file.removesuffix(".py").replace("/", ".").rpartition(".")
        imports = re.compile(
            rf"^\s*(from {re.escape(package)}\.{name} import |from {re.escape(package)} import .*\b{name}\b)",
            re.MULTILINE,
        )
        return [other for other in self.measured() if imports.search((self.root / other).read_text())]

    def digest(self) -> str:
        """What stands for the content of all files that the tests may read."""
        digest = hashlib.sha256(repr(self[1:]).encode())
        for name in self.files():
            if not name.endswith(".md") and not _beneath(name, self.left_out):
                digest.update(name.encode() + b"\0" + hashlib.sha256((self.root / name).read_bytes()).digest())
        return digest.hexdigest()[:16]

    def copy_to(self, folder: Path) -> None:
        """Copy every file."""
        for name in self.files():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.root / name, folder / name)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[Project]:
        """This project as it is now, whatever is edited from here on."""
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            self.copy_to(Path(folder))
            yield self._replace(root=Path(folder))

    def environment(self, copy: Path) -> dict[str, str]:
        """The environment in which a copy of this project, and not the project, is what Python imports."""
        paths = [str(copy / path) for path in self.python_path]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0", "NO_COLOR": "1"}


def _beneath(name: str, places: Sequence[str]) -> bool:
    return any(name == place.rstrip("/") or name.startswith(place.rstrip("/") + "/") for place in places)


REPOSITORY: Final = Project(
    root=Path(__file__).parents[2],
    sources=(
        "orchestrator/engine",
        "orchestrator/journal",
        "orchestrator/ports",
        "orchestrator/store",
        "orchestrator/contract",
        "orchestrator/channels",
        "orchestrator/api",
        "orchestrator/shop",
        "orchestrator/participant",
        "services/chassis/guard.py",
    ),
    tests=(
        "tests/unit",
        "tests/golden",
        "tests/property",
        "tests/conformance/channels",
        "tests/conformance/store",
        "tests/conformance/participants/test_forms.py",
        "tests/conformance/services/test_guard.py",
        "tests/integration/api",
        "tests/integration/store",
        "tests/integration/channels",
        "tests/integration/participant",
        "tests/integration/shop",
        "tests/integration/services/chassis",
    ),
    left_out=_LEFT_OUT,
    python_path=(".", "generated"),
    around=("orchestrator", "services/chassis"),
    # A mutant that makes a test wait for ever is found out sooner than by the tests' own limit.
    options=("--timeout=30",),
    # They are tried in processes of their own, by tests that are not run for each mutant.
    spared=("orchestrator/shop/demo", "orchestrator/engine/replica/watchdog.py"),
)
