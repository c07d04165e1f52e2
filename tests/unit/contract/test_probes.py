"""The values with which constraints are tried reach the ends of what a field can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.probes import values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import ServiceDescriptor

FERRY = """
    message Booking { %s seats = 1; }
    message Ticket {}
    service FerryService { rpc Book(Booking) returns (Ticket); }
"""


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("int32", -(2**31), 2**31 - 1),
        ("sint32", -(2**31), 2**31 - 1),
        ("int64", -(2**63), 2**63 - 1),
        ("uint32", 0, 2**32 - 1),
        ("uint64", 0, 2**64 - 1),
    ],
)
def test_whole_numbers_are_tried_within_what_their_field_can_hold(
    kind: str, least: int, most: int, compile_service: Callable[..., ServiceDescriptor]
) -> None:
    field = compile_service(FERRY % kind).methods[0].input_type.fields_by_name["seats"]

    tried = list(values_of(field))

    assert 0 in tried
    assert all(least <= each <= most for each in tried)
    # A whole number of 32 bits and its opposite make a difference in any of them.
    assert 2**31 - 1 in tried
    assert (-(2**31) in tried) is (not kind.startswith("u"))
