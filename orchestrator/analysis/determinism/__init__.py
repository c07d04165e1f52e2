"""Checks that a saga's code does the same in every replay."""
