"""What is mutated in this repository, and the list of mutants that nobody can notice: both name what is there."""

from __future__ import annotations

import pytest

from tests.mutants.equivalents import find_equivalents, read_equivalents
from tests.mutants.mutations import Mutable
from tests.mutants.project import REPOSITORY


@pytest.mark.parametrize("places", ["sources", "tests", "left_out", "around", "spared"])
def test_each_place_of_the_project_is_there(places: str) -> None:
    assert [place for place in getattr(REPOSITORY, places) if not (REPOSITORY.root / place).exists()] == []


def test_the_demo_is_not_mutated_and_the_shop_is() -> None:
    mutated = REPOSITORY.mutated(only=["orchestrator/shop"])

    assert "orchestrator/shop/place_order.py" in mutated
    assert [name for name in mutated if name.startswith("orchestrator/shop/demo/")] == []


def test_each_equivalent_mutant_is_one_that_can_still_be_made() -> None:
    entries = read_equivalents(REPOSITORY.root / "tests/mutants/equivalent.toml")
    mutated = set(REPOSITORY.mutated())
    assert [entry.file for entry in entries if entry.file not in mutated] == []

    files = {entry.file: Mutable(entry.file, (REPOSITORY.root / entry.file).read_text()) for entry in entries}

    assert len(find_equivalents(entries, files)) >= len(entries)
