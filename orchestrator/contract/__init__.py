"""Reads and checks contracts: effects, compensations, derived requests. Pure."""
