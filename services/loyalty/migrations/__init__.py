"""The migrations of the loyalty campaign."""
