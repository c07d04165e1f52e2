"""The public API as a user's type checker sees it, who has installed the wheel: mypy --strict, and pyright."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import orchestrator
from tests.support.repository import BIN
from tests.support.wheel import unpack_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
USAGE, MISTAKES = HERE / "usage", HERE / "mistakes"
PYRIGHT = {"typeCheckingMode": "standard", "strict": [f"{path.name}" for path in sorted(USAGE.glob("*.py"))]}


class Finding(NamedTuple):
    """What a type checker says of a line; of no two lines of one file the same."""

    file: str
    line: int
    rule: str


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's project: modules over the API, and an environment with the wheel and what it needs."""
    project = tmp_path_factory.mktemp("project")
    venv.create(project / ".venv", symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = project / ".venv" / "lib" / version / "site-packages"
    unpack_wheel(site_packages)
    # What the wheel needs is where this Python has it; the path of the repository is not.
    (site_packages / "needed.pth").write_text(sysconfig.get_path("purelib"))
    for module in (*USAGE.glob("*.py"), *MISTAKES.glob("*.py")):
        shutil.copy(module, project)
    (project / "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
    return project


def run(project: Path, *command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "MYPYPATH"}}
    done = subprocess.run(
        command,
        cwd=project,
        # It would ask a registry whether there is a newer one.
        env=environment | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout


def mypy(project: Path) -> set[Finding]:
    modules = sorted(path.name for path in project.glob("*.py"))
    # --strict alone lets pass a call of a stub that is not awaited.
    strict = ("--strict", "--config-file=", "--enable-error-code=unused-awaitable", "--output=json")
    python = f"--python-executable={project}/.venv/bin/python"
    said = map(json.loads, run(project, str(BIN / "mypy"), *strict, python, *modules).splitlines())
    return {Finding(each["file"], each["line"], each["code"]) for each in said if each["severity"] == "error"}


def pyright(project: Path) -> set[Finding]:
    python = f"--pythonpath={project}/.venv/bin/python"
    said = json.loads(run(project, str(BIN / "pyright"), "--outputjson", python))
    return {
        Finding(Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["rule"])
        for each in said["generalDiagnostics"]
    }


def expected(checker: str) -> set[Finding]:
    """What the comments of the mistakes say."""
    return {
        Finding(path.name, number, rule)
        for path in MISTAKES.glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for rule in re.findall(rf"\b{checker} ([\w-]+)", line.partition("  # ")[2])
    }


@pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])
def test_what_users_write_is_right_and_each_mistake_is_found(
    project: Path, checker: Callable[[Path], set[Finding]]
) -> None:
    assert checker(project) == expected(checker.__name__)


def imported_from_orchestrator(source: str) -> set[tuple[str, str]]:
    """Pairs of a module of ours and a name, where the source imports that from there."""
    return {
        (node.module, alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "orchestrator"
        for alias in node.names
    }


def test_the_list_of_what_is_public_is_what_users_are_shown_and_no_more() -> None:
    assert orchestrator.__doc__
    shown = "\n".join(re.findall(r"^    (from orchestrator\.\S+ import .+)$", orchestrator.__doc__, re.MULTILINE))
    listed = imported_from_orchestrator(shown) | {("orchestrator", name) for name in orchestrator.__all__}

    used = {name for path in USAGE.glob("*.py") for name in imported_from_orchestrator(path.read_text())}

    assert used == listed
