"""Traces: the journal of a saga projected onto spans, and their way to a collector."""
