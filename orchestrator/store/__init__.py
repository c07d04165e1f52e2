"""The stores: adapters of the journal port. One conformance suite holds for all of them."""
