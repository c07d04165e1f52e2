"""A journal survives being a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.journal.export import ExportedJournal, read_journal, write_journal
from tests.support.journals import AT, EVERY_ENTRY
from tests.unit.journal.test_codec import ENTRIES

if TYPE_CHECKING:
    from orchestrator.journal.entries import Entry


@given(entries=st.lists(st.one_of(*ENTRIES.values())), saga_id=st.text())
def test_a_journal_is_read_as_it_was_written(entries: list[Entry], saga_id: str) -> None:
    assert read_journal(write_journal(saga_id, entries)) == ExportedJournal(saga_id, tuple(entries))


def test_the_same_journal_has_the_same_text_and_people_can_read_it() -> None:
    text = write_journal("saga-1", EVERY_ENTRY)

    assert text == write_journal("saga-1", EVERY_ENTRY)
    assert text.endswith("}\n")
    assert json.loads(text)["entries"][1] == {
        "sequence": 2,
        "entry": "CommandIntended",
        "kind": 2,
        "at": AT + 1,
        "key": "Shop.Buy#1",
        "method": "shop.v1.Shop.Buy",
        "effect": 2,
        "payload": "/wA=",
    }
    details = [each.get("detail", {}) for each in json.loads(text)["entries"]]
    messages = [each.get("message") for each in details if isinstance(each, dict)]
    assert "he changed his mind" in messages


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is no JSON"),
        ("[]", "it is no exported journal"),
        ('{"format": "another"}', "it is no exported journal"),
        ('{"format": "saga-journal", "format_version": 2}', "its format_version is 2; this version reads 1"),
        ('{"format": "saga-journal", "format_version": 1}', "not as it was written: KeyError: 'saga_id'"),
        (
            '{"format": "saga-journal", "format_version": 1, "saga_id": "a", "entries": [{"kind": 99, "at": 1}]}',
            "unknown kind 99: the journal was written by a newer version",
        ),
        (
            '{"format": "saga-journal", "format_version": 1, "saga_id": "a", "entries": [{"kind": 3, "at": 1}]}',
            "an entry is not as it was written",
        ),
        (
            (
                '{"format": "saga-journal", "format_version": 1, "saga_id": "a",'
                ' "entries": [{"kind": 12, "at": 1, "payload": "?"}]}'
            ),
            "an entry is not as it was written: Error",
        ),
    ],
)
def test_what_is_no_journal_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_journal(text)
