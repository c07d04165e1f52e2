"""Participants that are reached over gRPC."""
