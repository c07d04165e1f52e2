"""What ``serve`` refuses before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Answer


@pytest.mark.parametrize("journal", ["memory:", "sqlite:orders.db"])
def test_several_processes_are_refused_a_journal_that_belongs_to_one(
    orchestrator: Callable[..., Answer], journal: str
) -> None:
    told = orchestrator("serve", "--processes", "3", "--journal", journal)

    assert told.code == 1
    assert told.err == (
        f"error: ORCHESTRATOR_PROCESSES: 3 processes need a journal that they share, and {journal} belongs to one; set "
        "ORCHESTRATOR_JOURNAL=postgresql://<host>/<database> (`orchestrator journal copy` moves what is in a file), or "
        "start one process\n"
    )


def test_no_process_at_all_is_refused(orchestrator: Callable[..., Answer]) -> None:
    told = orchestrator("serve", "--processes", "0")

    assert told.code == 1
    assert told.err == "error: ORCHESTRATOR_PROCESSES: expected a whole number, 1 or more, not '0'\n"


def test_another_way_to_a_journal_that_processes_do_not_share_is_refused(
    orchestrator: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_JOURNAL_LISTEN", "postgresql://127.0.0.1/trips")
    told = orchestrator("serve", "--journal", "sqlite:orders.db")

    assert told.code == 1
    assert told.err == (
        "error: ORCHESTRATOR_JOURNAL_LISTEN: expected another URL of a journal that processes share, "
        "postgresql://<host>/<database>, not 'postgresql://127.0.0.1/trips'\n"
    )
