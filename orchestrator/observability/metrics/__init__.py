"""Metrics: what is counted, read from the journal, served as a page and sent to a collector."""
