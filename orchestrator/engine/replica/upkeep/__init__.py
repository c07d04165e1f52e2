"""What a replica does for all sagas, beside its own: keeps figures, deletes the old, tells once more."""
