"""What a saga may send is what its code calls, and what takes that back or tells of it."""

from __future__ import annotations

from orchestrator.analysis.plan.sending import sent_by
from orchestrator.shop.place_order import place_order


def test_a_saga_sends_what_it_calls_with_compensations_and_verifies_and_nothing_else() -> None:
    sent = sent_by([place_order])

    assert "shop.inventory.v1.InventoryService.ReserveStock" in sent
    assert "shop.inventory.v1.InventoryService.ReleaseStock" in sent
    assert "shop.inventory.v1.InventoryService.GetStock" in place_order.commands
    assert "shop.inventory.v1.InventoryService.GetStock" not in sent
    assert sent < set(place_order.commands)
