"""What a contract must say, so that a saga can rely on it."""
