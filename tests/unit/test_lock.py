"""requirements.lock holds what pyproject.toml asks for, extras and groups too: within their bounds, with hashes."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PINNED = re.compile(r"^([\w.-]+)==(\S+)(?: ; [^\\]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


def asked(pyproject: dict[str, Any]) -> Iterator[Requirement]:
    """What is asked for by name."""
    project = pyproject["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for group in (*groups, *pyproject["dependency-groups"].values()):
        yield from (Requirement(each) for each in group if isinstance(each, str))


def test_all_that_is_asked_for_is_pinned_within_its_bounds() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = {canonicalize_name(name): version for name, version, _ in PINNED.findall(lock)}
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())

    missing = [
        str(each)
        for each in asked(pyproject)
        if (version := pinned.get(canonicalize_name(each.name))) is None or not each.specifier.contains(version)
    ]

    assert missing == []


def test_each_pin_has_its_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    assert len(PINNED.findall(lock)) == len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE)) > 0
