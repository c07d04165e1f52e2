"""A planted project: one module, and tests that say a part of what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.mutants.project import Project

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
def limited(value: int) -> int:
    assert value >= 0
    if value < 10:
        return value
    return 10

def forgotten(value: int) -> int:
    return value - 1
"""
TESTS = """
import os

import pytest
from planted import module

@pytest.mark.parametrize("value", [0, 9, 11])
def test_a_value_is_limited(value):
    assert module.limited(value) == min(value, 10)

def test_the_copy_is_what_is_imported():
    assert os.path.dirname(module.__file__).startswith(os.getcwd())
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one module and its tests, which need no plugin of pytest."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    root = tmp_path / "project"
    for name, text in {"planted/module.py": MODULE, "tests/test_planted.py": TESTS}.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    return Project(root, ("planted",), ("tests",))
