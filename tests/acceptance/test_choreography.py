"""The same orders, orchestrated and danced, as the page of the shop shows them."""

from __future__ import annotations

import os
import subprocess

import pytest

from orchestrator.shop.demo.addresses import settings_removed
from tests.support.repository import ROOT

PATIENCE = 240
"""Thirteen processes start here, and on Temporal its server; two cores may be busy."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("engine", "told"), [("", ""), ("temporal", "carries the orchestrator's sagas on: temporal://")]
)
def test_the_orders_are_sold_both_ways_as_promised(engine: str, told: str) -> None:
    done = subprocess.run(
        ("make", "demo-choreography", f"ENGINE={engine}"),
        cwd=ROOT,
        env=settings_removed(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "all as promised" in done.stdout
    assert "OrderPlaced" in done.stdout
    assert told in done.stdout
