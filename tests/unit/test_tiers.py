"""The two tiers of tests: each test is in one of them, as its folder or its own mark says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.repository import ROOT

LONG = {"tests/acceptance/test_proxy.py", "tests/crash/test_network.py"}
SHORT = {"tests/unit/definition/test_saga.py"}


@pytest.mark.parametrize(("tier", "files"), [("long", LONG), ("not long", SHORT)])
def test_a_test_is_in_the_tier_of_its_folder(tier: str, files: set[str]) -> None:
    command = (sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider", "-m", tier)
    done = subprocess.run([*command, *LONG, *SHORT], cwd=ROOT, capture_output=True, text=True, check=False)

    assert set(re.findall(r"^(\S+\.py): \d+$", done.stdout, re.MULTILINE)) == files


def test_make_runs_two_tiers_and_the_build_server_both_of_them() -> None:
    makefile = (ROOT / "Makefile").read_text()
    tiers = re.findall(r"^(test[a-z-]*):.*\n\t\$\(BIN\)/pytest -m (.+)$", makefile, re.MULTILINE)

    on_every_core = "--numprocesses $(WORKERS) --dist"
    assert dict(tiers) == {
        "test": f'"not long" {on_every_core} worksteal',
        "test-long": f"long {on_every_core} loadfile",  # a shop, or a cluster, is there once for a whole file
    }
    assert (ROOT / ".ci/run").read_text().splitlines()[-3:] == ["make lint", "make test", "make test-long"]
