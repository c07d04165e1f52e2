"""The same orders, orchestrated and danced, as the page of the shop shows them."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import run_within

PATIENCE = 240
"""Thirteen processes start here; two cores may be busy."""


@pytest.mark.timeout(300)
def test_the_orders_are_sold_both_ways_as_promised() -> None:
    done = run_within(PATIENCE, "make", "demo-choreography")
    assert done.code == 0, done.out
    assert "all as promised" in done.out
    assert "OrderPlaced" in done.out
