"""Golden journals: what earlier versions wrote is folded, previewed and replayed by this one as it was by them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.engine.replay_check import Finding
from orchestrator.journal.codec import decode, encode
from orchestrator.journal.export import ExportedJournal, read_journal, write_journal
from tests.golden.account import VERIFIER, account
from tests.golden.record import STORIES, STORIES_2, STORIES_OF_EVENTS

FOLDER = Path(__file__).parent
GOLDEN = sorted(file for file in FOLDER.glob("*.json") if not file.name.endswith(".account.json"))

golden = pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)


@golden
def test_a_golden_journal_is_read_and_written_without_a_change(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    saga_id, entries = read_journal(text)

    assert write_journal(saga_id, entries) == text
    assert [decode(encode(entry)) for entry in entries] == list(entries)


@golden
def test_a_golden_journal_leads_to_the_account_of_its_day(file: Path) -> None:
    told = json.loads(file.with_suffix(".account.json").read_text(encoding="utf-8"))

    assert account(*read_journal(file.read_text(encoding="utf-8"))) == told


@pytest.fixture
def journal(file: Path) -> ExportedJournal:
    """The journal in a file."""
    return read_journal(file.read_text(encoding="utf-8"))


@golden
async def test_each_beginning_of_a_golden_journal_is_in_line_with_the_code_of_today(journal: ExportedJournal) -> None:
    saga_id, entries = journal
    for number in range(1, len(entries) + 1):
        verdict = await VERIFIER.verify(saga_id, entries[:number])
        assert verdict.finding is Finding.IN_LINE, (number, verdict)


def test_every_story_is_there() -> None:
    first = {f"place_order_v1_{story.__name__}" for story in STORIES}
    second = {f"place_order_v2_{story.__name__}" for story in STORIES_2}
    third = {f"delivery_v1_{story.__name__}" for story in STORIES_OF_EVENTS}
    assert first | second | third <= {file.stem for file in GOLDEN}
