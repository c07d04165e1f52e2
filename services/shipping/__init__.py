"""The parcels: which carrier takes them, and whether they were cancelled."""
