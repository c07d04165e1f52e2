"""Whatever nobody and a viewer send: no accident, no growth, nothing journalled. ``python -m tests.fuzz`` asks on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fuzz.run import run

if TYPE_CHECKING:
    from pathlib import Path

CALLS = 600


def test_who_may_change_nothing_changes_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    result = run(tmp_path, seed=7, goes_on=lambda number: number < CALLS)

    assert result.problems == []
    assert result.calls == CALLS
    assert {caller.partition(" ")[0] for caller, _ in result.answers} == {"nobody", "viewer"}
    assert {"PERMISSION_DENIED", "INVALID_ARGUMENT", "NOT_FOUND", "OK"} <= {
        status for caller, status in result.answers if caller == "viewer"
    }
    # Statuses that one call in a hundred has, as 415, are left to chance: a new rpc changes which calls are drawn.
    assert {"200", "400", "403", "404", "405"} <= {
        status for caller, status in result.answers if caller == "viewer over HTTP"
    }
