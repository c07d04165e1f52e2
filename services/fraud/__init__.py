"""Says whether an order looks honest."""
