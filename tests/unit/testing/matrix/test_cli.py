"""`orchestrator faults`, on the shop's saga and on one of a user's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.shop.demo.procfile import ROOT
from orchestrator.testing.matrix.fault_cases import FAULT_CASES

OWN = ROOT / "tests" / "acceptance" / "own_saga"
BIN = Path(sys.executable).parent / "orchestrator"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a user's own, with its stubs."""
    project = tmp_path_factory.mktemp("own") / "project"
    shutil.copytree(OWN, project)
    assert run(project, "generate", "--protos", "protos", "--out", ".").returncode == 0
    (project / "order.json").write_text(json.dumps({"city": "Rome"}))
    (project / "examples.json").write_text(json.dumps({"BookRoom": {"room": "12"}}))
    source = (project / "trip_sagas.py").read_text()
    whimsical = source.replace("city=order.city", "city=str(uuid.uuid4())")
    (project / "whimsical_sagas.py").write_text(f"import uuid\n{whimsical}")
    return project


def run(folder: Path, *arguments: str, width: str = "160") -> subprocess.CompletedProcess[str]:
    # Python's readline puts COLUMNS into the environment behind Python's back.
    kind = os.environ | {"COLUMNS": width}
    return subprocess.run([BIN, *arguments], cwd=folder, env=kind, capture_output=True, text=True, check=False)


def test_the_table_of_a_users_own_saga(project: Path) -> None:
    done = run(project, "faults", "--sagas", "trip_sagas", "--input", "order.json", "--examples", "examples.json")

    assert done.returncode == 0, done.stderr
    assert "│ BookRoom  │ ✓ compensated │ ✓ completed  │" in done.stdout
    assert "book_trip v1: 45 passed, 0 failed, 7 not applicable" in done.stdout


@pytest.mark.parametrize("width", ["40", "60", "80", "120"])
def test_faults_and_statuses_are_shown_whole_at_every_width(project: Path, width: str) -> None:
    done = run(project, "faults", "--sagas", "trip_sagas", width=width)

    words = re.findall(r"\w+", done.stdout)
    names = {word for case in FAULT_CASES for word in re.findall(r"\w+", case.name)}
    assert names <= set(words)
    ends = {"completed", "compensated", "suspended"}
    cut = {end[:length] for end in ends for length in range(4, len(end))} - {"compensate"}
    assert ends <= set(words)
    assert not cut & set(words)
    assert "…" not in done.stdout


def test_a_saga_that_fails_ends_with_1_and_is_told_why(project: Path) -> None:
    done = run(project, "faults", "--sagas", "whimsical_sagas", "--saga", "book_trip", "--json")

    assert done.returncode == 1
    (told,) = json.loads(done.stdout)
    wrong = [cell for cell in told["cells"] if cell["verdict"] == "failed"]
    assert {cell["fault"] for cell in wrong} == {"killed: started", "killed: intended", "killed: answered"}
    assert all("DIVERGED" in cell["explanation"] for cell in wrong)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ("--sagas", "orchestrator.shop", "--saga", "plac_order"),
            2,
            "there is no saga 'plac_order'; there are: place_order v1, place_order v2",
        ),
        (("--sagas", "nowhere"), 2, "there is no module 'nowhere'"),
        (("--sagas", "orchestrator.shop", "--saga", "place_order v1", "--input", "nowhere.json"), 1, "nowhere.json"),
        (("--sagas", "orchestrator.shop", "--input", "nowhere.json"), 2, "place_order v1, place_order v2"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(arguments: tuple[str, ...], code: int, said: str) -> None:
    result = CliRunner().invoke(app, ["faults", *arguments])

    assert result.exit_code == code
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
