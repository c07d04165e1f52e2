"""The stores: adapters of the journal port, opened by their URL in ``opening``. One conformance suite holds for all."""
