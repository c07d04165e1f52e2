"""An entry survives being a row, whatever it holds."""

from __future__ import annotations

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.command import Effect
from orchestrator.engine import entries as e
from orchestrator.engine.codec import Row, decode, encode
from orchestrator.engine.outcome import Failure
from orchestrator.engine.state import Reason
from tests.journals import EVERY_ENTRY

INSTANTS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text()
FAILURES = st.builds(Failure, TEXTS, TEXTS, TEXTS)
REASONS = st.builds(Reason, TEXTS, TEXTS, TEXTS, TEXTS)
ATTRIBUTES = st.dictionaries(TEXTS, TEXTS).map(lambda attributes: tuple(attributes.items()))
ATTEMPT = INSTANTS, TEXTS, st.integers(1, 2**31), INSTANTS

ENTRIES: dict[type[e.Entry], st.SearchStrategy[e.Entry]] = {
    e.SagaStarted: st.builds(
        e.SagaStarted, INSTANTS, TEXTS, st.integers(1), st.binary(), TEXTS, st.booleans(), ATTRIBUTES
    ),
    e.CommandIntended: st.builds(
        e.CommandIntended, INSTANTS, TEXTS, TEXTS, st.sampled_from(Effect), st.binary(), st.booleans()
    ),
    e.AttemptFailed: st.builds(e.AttemptFailed, *ATTEMPT, FAILURES, st.booleans()),
    e.CommandCompleted: st.builds(e.CommandCompleted, *ATTEMPT, st.binary()),
    e.CommandRejected: st.builds(e.CommandRejected, *ATTEMPT, FAILURES),
    e.CommandAbandoned: st.builds(e.CommandAbandoned, *ATTEMPT, FAILURES),
    e.RollbackBegan: st.builds(e.RollbackBegan, INSTANTS, REASONS),
    e.CompensationBegan: st.builds(e.CompensationBegan, INSTANTS, TEXTS, TEXTS, st.none() | st.binary()),
    e.CompensationCompleted: st.builds(e.CompensationCompleted, *ATTEMPT),
    e.CompensationRejected: st.builds(e.CompensationRejected, *ATTEMPT, FAILURES),
    e.SagaRecovered: st.builds(e.SagaRecovered, INSTANTS, TEXTS),
    e.SagaCompleted: st.builds(e.SagaCompleted, INSTANTS, st.binary()),
    e.SagaCompensated: st.builds(e.SagaCompensated, INSTANTS),
    e.SagaSuspended: st.builds(e.SagaSuspended, INSTANTS, REASONS),
    e.SagaResumed: st.builds(e.SagaResumed, INSTANTS, REASONS),
    e.OutcomeResolved: st.builds(e.OutcomeResolved, INSTANTS, TEXTS, st.booleans(), st.binary(), REASONS),
    e.CompensationSkipped: st.builds(e.CompensationSkipped, INSTANTS, TEXTS, REASONS),
    e.CompensationResolved: st.builds(e.CompensationResolved, INSTANTS, TEXTS, REASONS),
    e.SagaPartiallyCompensated: st.builds(e.SagaPartiallyCompensated, INSTANTS),
    e.RetryRequested: st.builds(e.RetryRequested, INSTANTS, REASONS),
    e.DeadlinePassed: st.builds(e.DeadlinePassed, INSTANTS),
    e.ValueRecorded: st.builds(e.ValueRecorded, INSTANTS, TEXTS, TEXTS),
}


def test_every_class_of_entry_is_examined() -> None:
    assert set(ENTRIES) == set(typing.get_args(e.Entry)) == {type(entry) for entry in EVERY_ENTRY}


@given(entry=st.one_of(*ENTRIES.values()))
def test_an_entry_is_decoded_as_it_was_encoded(entry: e.Entry) -> None:
    row = encode(entry)

    assert decode(row) == entry
    assert decode(Row(*row)) == entry
    assert row.at == entry.at


def test_each_class_has_a_kind_of_its_own_that_never_changes() -> None:
    assert {type(entry).__name__: encode(entry).kind for entry in EVERY_ENTRY} == {
        "SagaStarted": 1,
        "CommandIntended": 2,
        "CommandCompleted": 3,
        "CommandRejected": 4,
        "AttemptFailed": 5,
        "CommandAbandoned": 6,
        "RollbackBegan": 7,
        "CompensationBegan": 8,
        "CompensationCompleted": 9,
        "CompensationRejected": 10,
        "SagaRecovered": 11,
        "SagaCompleted": 12,
        "SagaCompensated": 13,
        "SagaSuspended": 14,
        "SagaResumed": 15,
        "OutcomeResolved": 16,
        "CompensationSkipped": 17,
        "SagaPartiallyCompensated": 18,
        "RetryRequested": 19,
        "DeadlinePassed": 20,
        "ValueRecorded": 21,
        "CompensationResolved": 22,
    }


def test_a_kind_that_a_newer_version_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind 99: the journal was written by a newer version"):
        decode(Row(99, 0))
