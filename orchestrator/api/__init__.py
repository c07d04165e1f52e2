"""Doors in: the gRPC API."""
