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
