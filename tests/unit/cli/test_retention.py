"""``orchestrator retention``, and what the settings of retention take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import SettingsError
from orchestrator.journal.state import Status
from orchestrator.settings import read_settings
from orchestrator.store.opening import open_store
from tests.support.journals import Writing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Answer

    Orchestrator = Callable[..., Answer]


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """Sagas that ended in 2023, and one that runs."""
    url = f"sqlite:{tmp_path}/journal.db"

    async def fill() -> None:
        opened = await open_store(url)
        for number in range(5):
            writer = Writing(opened, f"saga-{number}")
            await writer.start(definition="buy" if number < 3 else "sell")
            await writer.end(Status.COMPLETED if number % 2 else Status.COMPENSATED)
        await Writing(opened, "running").start(definition="buy")
        await opened.close()

    asyncio.run(fill())
    return url


def test_what_the_rules_would_do_is_counted_by_rule_and_nothing_is_changed(
    orchestrator: Orchestrator, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_RETENTION", "buy:compensated=30d:delete, *:completed=1d:archive")
    monkeypatch.setenv("ORCHESTRATOR_RETENTION_ARCHIVE", "archive")

    for _ in range(2):
        told = orchestrator("retention", "--journal", journal)
        assert (told.code, told.out.splitlines()) == (
            0,
            [
                "buy:compensated=30d:delete: 2 sagas",
                "*:completed=1d:archive: 2 sagas",
                "kept: 1 saga",
            ],
        )


def test_without_rules_everything_is_kept_and_the_command_says_how_to_change_that(
    orchestrator: Orchestrator, journal: str
) -> None:
    told = orchestrator("retention", "--journal", journal)

    assert told.code == 0
    assert "there are no rules: sagas that have ended are kept for ever" in told.err
    assert told.out == "kept: 5 sagas\n"


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("buy:running=1d:delete", "'buy:running=1d:delete' is no rule; expected definition:status=age:action"),
        ("buy:completed=1d:delete,buy:completed=2d:delete", "are for the same sagas"),
        ("buy:completed=1d:archive", "ORCHESTRATOR_RETENTION_ARCHIVE: a rule of ORCHESTRATOR_RETENTION archives"),
    ],
)
def test_rules_that_cannot_work_are_refused_by_name(rules: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_RETENTION", rules)
    with pytest.raises(SettingsError) as refused:
        read_settings()

    assert str(refused.value).startswith("ORCHESTRATOR_RETENTION")
    assert told in str(refused.value)
