"""The demo of the shop: ``make demo`` places five orders and proves what became of them; ``make run`` stays up."""
