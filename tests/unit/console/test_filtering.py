"""The filter of the list of sagas, as it stands in the address."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from orchestrator.console.filtering import NAMES, filter_in, in_form, pairs_of, query_of
from orchestrator.errors import InvalidInput
from saga.v1.saga_pb2 import STATUS_SUSPENDED, STATUS_WAITING
from saga.v1.saga_service_pb2 import SagaFilter

WHOLE = (
    ("status", "suspended"),
    ("status", "waiting"),
    ("definition", "place_order"),
    ("id", "01a2"),
    ("command", "AuthorizePayment"),
    ("code", "REJECTED"),
    ("reason", "card & co"),
    ("version", "2"),
    ("attribute", "customer_id=alice"),
    ("attribute", "tenant=a=b"),
    ("from", "2026-11-26T05:12"),
    ("before", "2026-11-27T05:12"),
)


def test_every_part_of_a_filter_stands_in_the_address_and_is_read_from_it() -> None:
    where = filter_in(WHOLE)
    assert list(where.statuses) == [STATUS_SUSPENDED, STATUS_WAITING]
    assert dict(where.attributes) == {"customer_id": "alice", "tenant": "a=b"}
    assert pairs_of(where) == list(WHOLE)
    assert filter_in(parse_qsl(query_of(where, page="next"))) == where
    assert {name for name, _ in WHOLE} == NAMES


def test_an_instant_is_read_in_the_zone_of_this_machine_unless_it_says_another() -> None:
    here = filter_in([("from", "2026-11-26T05:12")]).started_from
    there = filter_in([("from", "2026-11-26T05:12+02:00")]).started_from
    assert here.ToDatetime(tzinfo=UTC) == datetime.fromisoformat("2026-11-26T05:12").astimezone()
    assert there.ToDatetime(tzinfo=UTC) == datetime.fromisoformat("2026-11-26T03:12Z")


def test_empty_fields_and_parts_of_other_names_say_nothing() -> None:
    assert filter_in([("definition", " "), ("version", ""), ("page", "2"), ("forgery_token", "x")]) == SagaFilter()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "asleep"),
        ("version", "two"),
        ("version", "99999999999"),
        ("attribute", "alice"),
        ("from", "yesterday"),
        ("before", "9999999-01-01"),
        ("code", "rejected"),
        ("definition", "x" * 101),
    ],
)
def test_what_is_no_filter_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        filter_in([(name, value)])
    assert refused.value.violations


def test_the_form_holds_what_is_in_force_or_what_was_given() -> None:
    fields = in_form(filter_in(WHOLE), {})
    assert fields["attribute"] == "customer_id=alice tenant=a=b"
    assert fields["from"] == "2026-11-26T05:12"
    assert in_form(None, {"version": "two"})["version"] == "two"
