"""The same act on many sagas: its facade, and where it stands."""
