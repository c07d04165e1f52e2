"""A plugin of pytest that records which test reaches which line, and how long it takes.

The context is switched by pytest's hooks. coverage's own ``dynamic_context = test_function`` looks at the stack, and
loses a test that awaits. Written into the folder named by ``MUTANTS_RECORD``; what is measured, by ``MUTANTS_SOURCES``.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Generator

_FOLDER = Path(os.environ["MUTANTS_RECORD"])
_COVERAGE = Coverage(
    data_file=str(_FOLDER / "lines"), include=os.environ["MUTANTS_SOURCES"].split(os.pathsep), config_file=False
)
_COVERAGE.set_option("run:core", "ctrace")  # the only one that knows contexts
_COVERAGE.start()
_SECONDS: defaultdict[str, float] = defaultdict(float)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What runs now, fixtures included, runs for this test."""
    _COVERAGE.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        _COVERAGE.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test has its setup, its call and its teardown."""
    _SECONDS[report.nodeid] += report.duration


def pytest_unconfigure() -> None:
    """Keep what was seen."""
    _COVERAGE.stop()
    _COVERAGE.save()
    (_FOLDER / "seconds.json").write_text(json.dumps(_SECONDS))
