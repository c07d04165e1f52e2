"""Doors out: the ways to the participants."""
