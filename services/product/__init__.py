"""The catalogue, and the record of what was ordered from it."""
