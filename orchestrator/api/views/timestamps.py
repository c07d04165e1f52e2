"""From the journal's nanoseconds to protobuf's Timestamp and Duration.

Their own ``FromNanoseconds`` is Python that takes three times as long, and an answer has a dozen of them.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_NANOSECONDS: Final = 1_000_000_000


def timestamp(nanoseconds: int) -> Timestamp:
    """The Timestamp of an instant in nanoseconds since the epoch, UTC."""
    seconds, nanos = divmod(nanoseconds, _NANOSECONDS)
    return Timestamp(seconds=seconds, nanos=nanos)


def duration(nanoseconds: int) -> Duration:
    """The Duration of so many nanoseconds, at least none: clocks are set back."""
    seconds, nanos = divmod(max(0, nanoseconds), _NANOSECONDS)
    return Duration(seconds=seconds, nanos=nanos)
