"""Instants between the journal's nanoseconds and protobuf's Timestamp."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(nanoseconds: int) -> Timestamp:
    """The Timestamp of an instant in nanoseconds since the epoch, UTC."""
    instant = Timestamp()
    instant.FromNanoseconds(nanoseconds)
    return instant
