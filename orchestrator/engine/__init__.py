"""Runs sagas: a pure core (entries, state, compensation plan, retry) and a shell around it."""
