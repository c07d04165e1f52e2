"""The way to participants over HTTP."""
