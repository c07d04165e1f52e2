"""A store in memory: for tests, and for trying a saga out. Nothing survives the process."""
