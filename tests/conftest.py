"""Which tests take long, how many examples a property is tried with, and who draws them.

``make test`` runs what a change can break in minutes; ``make test-long`` runs the folders named here, and whatever else
is marked with ``long``. Together they are all tests.

``fixed``, the default: the same ones in every run, so that a test that was green is green again. ``random``: others
each time, and many, in ``make soak``; the seed repeats them, and so no examples of earlier runs are kept.

A shell lets its background jobs ignore SIGINT, and their children with them: here every process can be interrupted.

People are shown the time of their machine; here it is UTC, wherever the machine is.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

_LONG: Final = ("acceptance", "browser", "crash")

pytest_plugins = ["tests.support.nats", "tests.support.postgres", "tests.support.temporal"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What runs the tests on several cores sets it, and no test has a terminal but the one that it says.
os.environ.pop("COLUMNS", None)
os.environ["TZ"] = "UTC"
time.tzset()

settings.register_profile("fixed", derandomize=True, max_examples=100, deadline=None)
settings.register_profile("random", database=None, max_examples=1_000, deadline=None, print_blob=True)
settings.load_profile("fixed")


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the long folders."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in _LONG:
            item.add_marker(pytest.mark.long)
