"""What constraints say of a message: of lists beyond their bounds first, and never with an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import message_factory

from orchestrator.contract.constraints import flaw, violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import ServiceDescriptor

FERRY = """
    message Cabin {
      repeated string beds = 1 [(buf.validate.field).repeated = {max_items: 2 items: {string: {max_len: 3}}}];
      Cabin next = 2;
    }
    message Booking {
      repeated Cabin cabins = 1;
      map<string, int32> extras = 2 [(buf.validate.field).map.max_pairs = 1];
      repeated string notes = 3 [(buf.validate.field) = {ignore: IGNORE_ALWAYS repeated: {max_items: 1}}];
      int32 seats = 4 [(buf.validate.field).cel = {id: "fits" message: "no room" expression: "10 / this > 1"}];
      Cabin best = 5;
    }
    message Ticket {}
    service FerryService { rpc Book(Booking) returns (Ticket); }
"""


@pytest.fixture
def booking(compile_service: Callable[..., ServiceDescriptor]) -> Any:  # noqa: ANN401 - a message of the test's own
    return message_factory.GetMessageClass(compile_service(FERRY).methods[0].input_type)(seats=1)


@pytest.mark.parametrize(
    ("of", "path", "told"),
    [
        (lambda each: each.cabins.add(), "cabins[0].beds", "must contain no more than 2 items"),
        (lambda each: each.best, "best.beds", "must contain no more than 2 items"),
        (lambda each: each.best.next.next, "best.next.next.beds", "must contain no more than 2 items"),
    ],
)
def test_a_list_beyond_its_bound_is_told_wherever_it_is_and_nothing_of_its_items(
    booking: Any,  # noqa: ANN401
    of: Callable[[Any], Any],
    path: str,
    told: str,
) -> None:
    of(booking).beds.extend(["too long"] * 3)

    assert violations(booking) == ((path, told),)


def test_a_map_beyond_its_bound_is_told(booking: Any) -> None:  # noqa: ANN401
    booking.extras.update({"a": 1, "b": 2})

    assert violations(booking) == (("extras", "must be at most 1 entry"),)


def test_a_bound_that_is_to_be_ignored_is(booking: Any) -> None:  # noqa: ANN401
    booking.notes.extend("abc")

    assert violations(booking) == ()


def test_items_within_the_bounds_are_judged(booking: Any) -> None:  # noqa: ANN401
    booking.best.beds.append("too long")

    assert violations(booking) == (("best.beds[0]", "must be at most 3 characters"),)


def test_a_value_for_which_a_constraint_cannot_be_judged_is_a_violation_of_the_whole_message(
    booking: Any,  # noqa: ANN401
) -> None:
    booking.seats = 0

    ((path, told),) = violations(booking)

    assert path == ""
    assert told.startswith("cannot be judged: ")
    assert "\n" not in told
    assert flaw(booking) is not None
