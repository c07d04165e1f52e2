"""The sagas that a replica advances: how they start, how claimed ones go on, and how each stands."""
