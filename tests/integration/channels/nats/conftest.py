"""A broker for each test of its own, or one that all share; a command of the shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.shop.place_order import place_order

if TYPE_CHECKING:
    from orchestrator.contract.command import Command


@pytest.fixture
def command() -> Command:
    """What is sent."""
    return place_order.commands["shop.inventory.v1.InventoryService.ReserveStock"]
