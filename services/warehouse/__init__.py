"""The people who pack."""
