"""What the simulator holds against each entry."""

from __future__ import annotations

from typing import get_args

from orchestrator.journal.entries import Entry
from orchestrator.testing.simulation.entry_check import EntryCheck


def test_of_every_class_of_entry_it_is_said_what_is_checked() -> None:
    assert set(EntryCheck._CHECKS) == set(get_args(Entry))
