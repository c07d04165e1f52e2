"""What a replica does for bulk acts: writes down which sagas match, asks each one, acts on each one once."""
