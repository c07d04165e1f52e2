"""What is found of the journals of sagas that have not ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.state import Status
from orchestrator.ports.findings import Finding, Severity
from orchestrator.store.examining import journals
from orchestrator.store.examining.journals import examine_journals
from orchestrator.store.memory.journal import MemoryJournal
from tests.support.journals import Writing


@pytest.fixture
async def journal() -> MemoryJournal:
    """Three sagas that go on, and one that waits for an operator."""
    journal = MemoryJournal()
    for number in range(4):
        await Writing(journal, f"saga-{number}").start()
    await Writing(journal, "saga-3", sequence=1).suspend()
    return journal


async def look(journal: MemoryJournal) -> dict[str, Finding]:
    return {finding.about: finding for finding in await examine_journals(journal)}


async def test_journals_in_order_are_fine_and_who_waits_for_an_operator_is_counted(journal: MemoryJournal) -> None:
    found = await look(journal)

    assert found["journals"].severity is Severity.FINE
    assert found["journals"].what == "the journals of 4 sagas that have not ended are in order"
    assert found["suspended"].what == "1 saga waits for an operator"
    assert found["suspended"].severity is Severity.WARNING


async def test_a_saga_that_is_listed_otherwise_than_its_journal_says_is_an_error(journal: MemoryJournal) -> None:
    kept = journal._sagas["saga-1"]
    kept.record = replace(kept.record, status=Status.COMPENSATING)
    found = (await look(journal))["journals"]

    assert found.severity is Severity.ERROR
    assert found.what == (
        "1 of 4 journals: saga-1 is listed as compensating at entry 1; its journal ends with entry 1 and says running"
    )


async def test_a_journal_that_cannot_be_read_is_an_error_and_the_others_are_looked_at(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = journal.read

    async def spoilt(saga_id: str) -> object:
        if saga_id == "saga-1":
            raise ValueError("entry of unknown kind 99")
        return await read(saga_id)

    monkeypatch.setattr(journal, "read", spoilt)
    found = (await look(journal))["journals"]

    assert found.what == "1 of 4 journals: that of saga-1 cannot be read: ValueError: entry of unknown kind 99"
    assert "backup" in found.advice


async def test_a_saga_that_goes_on_while_it_is_looked_at_is_no_error(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = journal.read

    async def goes_on(saga_id: str) -> object:
        if saga_id == "saga-1" and journal._sagas[saga_id].record.status is Status.RUNNING:
            await Writing(journal, "saga-1", sequence=1).suspend()
        return await read(saga_id)

    monkeypatch.setattr(journal, "read", goes_on)
    assert (await look(journal))["journals"].severity is Severity.FINE


async def test_of_many_sagas_the_newest_are_looked_at_and_the_doctor_says_so(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MOST", 2)

    assert (await look(journal))["journals"].what == (
        "the journals of 2 sagas that have not ended are in order (the newest 2 were looked at)"
    )


async def test_a_store_that_goes_away_is_not_taken_for_a_spoilt_journal(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_saga_id: str) -> object:
        raise JournalUnavailable("away")

    monkeypatch.setattr(journal, "read", away)
    with pytest.raises(JournalUnavailable):
        await examine_journals(journal)
