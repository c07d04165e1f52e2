"""Bulk acts as workflows: one carries a bulk act on, others keep its sagas; and the facade over them."""
