"""The command line, called in the test's process."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def orchestrator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Answer]:
    """Call ``orchestrator``, which serves the shop's sagas, in an empty folder that is the working directory."""
    monkeypatch.setenv("ORCHESTRATOR_SAGAS", "orchestrator.shop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def call(*arguments: str) -> Answer:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        return Answer(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    """A copy of the contracts in the working directory."""
    return Path(shutil.copytree(ROOT / "protos", tmp_path / "protos"))
