"""An entry survives being a row, whatever it holds.

What an entry may hold is read from its class, so that a new kind, or a new field of an old one, is examined as soon
as it is written down.
"""

from __future__ import annotations

import typing
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.codec import Row, decode, encode, name_of
from orchestrator.journal.events import HeldEvent
from orchestrator.journal.outcome import Failure
from orchestrator.journal.priority import Priority
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.waits import WaitEnd
from tests.support.journals import EVERY_ENTRY


class Kind(NamedTuple):
    """What a field of one type may hold.

    What that is depends on the type, which is read from a class of entry when this runs; hence ``Any``.

    Attributes:
        nothing: what it holds where there is nothing to say.
        something: what it never holds by default.
        anything: draws all of it.
    """

    nothing: Any
    something: Any
    anything: st.SearchStrategy[Any]


TEXTS = st.text()
KINDS: dict[object, Kind] = {
    int: Kind(0, 1_700_000_000_000_000_007, st.integers(-(2**63), 2**63 - 1)),
    str: Kind("", "ünï code", TEXTS),
    bytes: Kind(b"", b"\xff\x00", st.binary()),
    bool: Kind(False, True, st.booleans()),
    Effect: Kind(Effect.QUERY, Effect.PIVOT, st.sampled_from(Effect)),
    Failure: Kind(
        Failure(StatusCode.OK, "", ""),
        Failure(StatusCode.ABORTED, "", "GONE"),
        st.builds(Failure, st.sampled_from(StatusCode), TEXTS, TEXTS),
    ),
    Reason: Kind(
        Reason(ReasonCode.REJECTED, "", "", ""),
        Reason(ReasonCode.CANCELLED, "", "Shop.Buy#1", ""),
        st.builds(Reason, st.sampled_from(ReasonCode), TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS),
    ),
    Actor: Kind(Actor(""), Actor("ada", "token file"), st.builds(Actor, TEXTS, TEXTS, TEXTS)),
    Actor | None: Kind(None, Actor("ada", "token file"), st.none() | st.builds(Actor, TEXTS, TEXTS, TEXTS)),
    tuple[tuple[str, str], ...]: Kind(
        (), (("b", "1"), ("a", "")), st.dictionaries(TEXTS, TEXTS).map(lambda attributes: tuple(attributes.items()))
    ),
    WaitEnd: Kind(WaitEnd.DUE, WaitEnd.LEFT, st.sampled_from(WaitEnd)),
    Priority: Kind(Priority.NORMAL, Priority.HIGH, st.sampled_from(Priority)),
    tuple[HeldEvent, ...]: Kind(
        (),
        (HeldEvent("a", "b", "c", 1, "d", b"\xff\x00"),),
        st.lists(st.builds(HeldEvent, TEXTS, TEXTS, TEXTS, st.integers(), TEXTS, st.binary())).map(tuple),
    ),
    bytes | None: Kind(None, b"", st.none() | st.binary()),
}


def fields(entry: type[e.Entry]) -> dict[str, Kind]:
    """What each field of a class of entry may hold."""
    return {name: KINDS[kind] for name, kind in typing.get_type_hints(entry).items()}


def nothing(entry: type[e.Entry]) -> e.Entry:
    """The entry of a class that says the least."""
    return entry(**{name: kind.nothing for name, kind in fields(entry).items()})


CLASSES: tuple[type[e.Entry], ...] = typing.get_args(e.Entry)
ENTRIES: dict[type[e.Entry], st.SearchStrategy[e.Entry]] = {
    entry: st.builds(entry, **{name: kind.anything for name, kind in fields(entry).items()}) for entry in CLASSES
}

each_class = pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.__name__) for entry in CLASSES])


def test_every_class_of_entry_is_among_the_examples() -> None:
    assert set(CLASSES) == {type(entry) for entry in EVERY_ENTRY}


@each_class
@given(data=st.data())
def test_an_entry_is_decoded_as_it_was_encoded(entry: type[e.Entry], data: st.DataObject) -> None:
    written = data.draw(ENTRIES[entry])
    row = encode(written)

    assert decode(row) == written
    assert decode(Row(*row)) == written
    assert row.at == written.at


@pytest.mark.parametrize(
    ("entry", "field"),
    [pytest.param(entry, field, id=f"{entry.__name__}.{field}") for entry in CLASSES for field in fields(entry)],
)
def test_a_field_is_kept_also_where_every_other_field_is_empty(entry: type[e.Entry], field: str) -> None:
    written = nothing(entry)._replace(**{field: fields(entry)[field].something})

    read = decode(encode(written))

    assert read == written
    assert type(getattr(read, field)) is type(getattr(written, field))


@each_class
def test_an_empty_entry_is_kept_as_one(entry: type[e.Entry]) -> None:
    assert decode(encode(nothing(entry))) == nothing(entry)


def test_a_reason_is_written_as_before_unless_another_replica_was_asked() -> None:
    reason = Reason(ReasonCode.PAUSED, "wait", "", "ada")
    asked = e.SagaSuspended(1, reason._replace(request_id="replica-1/7"))

    assert "request_id" not in (encode(e.SagaSuspended(1, reason)).detail or "")
    assert decode(encode(asked)) == asked


def test_each_class_has_a_kind_of_its_own_that_never_changes() -> None:
    assert {name_of(entry): encode(entry).kind for entry in EVERY_ENTRY} == {
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
        "WaitBegan": 23,
        "SignalReceived": 24,
        "WaitEnded": 25,
        "SagaParked": 26,
        "SagaWoken": 27,
        "SagaQueued": 30,
        "SagaAdmitted": 31,
        "CommandQueued": 32,
        "EventPublished": 35,
        "EventsHandedOn": 36,
        "ActProposed": 40,
    }


def entries_that_say(text: str) -> list[e.Entry]:
    failure = Failure(StatusCode.ABORTED, text, text)
    return [
        e.AttemptFailed(2, "Shop.Buy#1", 1, 1, failure),
        e.CommandRefused(2, "Shop.Buy#1", 1, 1, failure),
        e.SagaSuspended(2, Reason(ReasonCode.CODE_FAILED, text)),
    ]


def test_half_an_emoji_that_an_earlier_version_wrote_is_read_as_a_text_that_can_be_shown() -> None:
    read = [decode(encode(entry)) for entry in entries_that_say("no \ud83d")]

    assert read == entries_that_say("no \N{REPLACEMENT CHARACTER}")


def test_a_kind_that_a_newer_version_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind 99: the journal was written by a newer version"):
        decode(Row(99, 0))
