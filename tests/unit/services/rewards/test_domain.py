from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rewards.domain import points_for


@pytest.mark.parametrize(("total", "points"), [("0", 0), ("0.99", 0), ("1.00", 1), ("12.99", 12), ("18900", 18900)])
def test_a_point_is_earned_for_each_whole_unit(total: str, points: int) -> None:
    assert points_for(Decimal(total)) == points


@given(total=st.decimals(min_value=0, max_value=10**12, places=9))
def test_points_never_exceed_what_was_paid_and_miss_less_than_one(total: Decimal) -> None:
    assert 0 <= total - points_for(total) < 1
