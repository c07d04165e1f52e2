"""Instants: aware UTC datetimes in Python, microseconds since the epoch in SQL, Timestamps on the wire."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import BigInteger, Dialect
from sqlalchemy.types import TypeDecorator

Clock: TypeAlias = Callable[[], datetime]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def utc_now() -> datetime:
    """The current time, aware and in UTC."""
    return datetime.now(UTC)


def timestamp_of(instant: datetime) -> Timestamp:
    """The instant as a message holds it."""
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp


class Instant(TypeDecorator[datetime]):
    """A column of instants. SQLite has no type for them, and a number compares the same in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Microseconds since the epoch."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """An aware datetime in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND
