"""The sink of a webhook."""
