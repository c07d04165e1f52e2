"""The loyalty campaign."""
