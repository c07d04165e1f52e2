"""How busy a thread is: what it ran and what it waited for a processor, of the time that has passed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.api import load
from orchestrator.api.load import ThreadLoad

if TYPE_CHECKING:
    from pathlib import Path


class Machine:
    """A thread on a machine whose time a test decides."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, told: Path) -> None:
        self.passed = self.ran = self.waited = 0
        self._told = told
        monkeypatch.setattr(load, "_SCHEDULED", told)
        monkeypatch.setattr("time.monotonic_ns", lambda: self.passed)
        monkeypatch.setattr("time.thread_time_ns", lambda: self.ran)

    def spend(self, *, ran: int = 0, waited: int = 0, idle: int = 0) -> None:
        self.passed += ran + waited + idle
        self.ran += ran
        self.waited += waited
        if self._told.exists():
            self.tell()

    def tell(self) -> None:
        self._told.write_text(f"{self.ran} {self.waited} 17\n")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path / "schedstat")


def test_a_thread_that_runs_or_is_kept_waiting_for_a_processor_is_busy(machine: Machine) -> None:
    machine.tell()
    measured = ThreadLoad()
    machine.spend(ran=300, waited=500, idle=200)

    assert measured() == pytest.approx(0.8)


def test_each_answer_is_about_the_time_since_the_one_before(machine: Machine) -> None:
    machine.tell()
    measured = ThreadLoad()
    machine.spend(ran=100)
    assert measured() == pytest.approx(1.0)
    machine.spend(idle=100)

    assert measured() == pytest.approx(0.0)


def test_where_the_system_does_not_tell_only_what_the_thread_ran_counts(machine: Machine) -> None:
    measured = ThreadLoad()
    machine.spend(ran=300, waited=500, idle=200)

    assert measured() == pytest.approx(0.3)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells it in this file")
def test_the_system_tells_how_long_a_thread_was_kept_waiting() -> None:
    assert ThreadLoad()._tells
