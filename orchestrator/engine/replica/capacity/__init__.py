"""How much a replica does at once, and what becomes of the starts for which it has no room."""
