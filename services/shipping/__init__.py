"""The parcels: which carrier takes them, and what became of them."""
