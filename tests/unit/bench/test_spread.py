"""Medians, spreads and quantiles of what was measured."""

from __future__ import annotations

import pytest

from tests.bench.spread import Spread, quantile


def test_a_spread_knows_the_median_and_the_extremes() -> None:
    assert Spread.of([3.0, 1.0, 2.0, 9.0]) == (2.5, 1.0, 9.0)


@pytest.mark.parametrize(("part", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(part: float, expected: int) -> None:
    assert quantile(range(100, 0, -1), part) == expected


def test_the_quantile_of_one_value_is_that_value() -> None:
    assert quantile([7.0], 0.99) == quantile([7.0], 0.01) == 7.0
