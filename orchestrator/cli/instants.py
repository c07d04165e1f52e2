"""Times as they are typed: some time ago, or an instant of the local clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.cli.output.exit import refuse

_AGO: Final = re.compile(r"(\d{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def instant_of(option: str, text: str) -> Timestamp | None:
    """The instant that is typed as ``2h`` (ago), ``2026-05-01``, ``2026-05-01T12:30`` or with an offset; or none.

    Raises:
        typer.Exit: with code 2, it cannot be read.
    """
    if not text:
        return None
    if ago := _AGO.fullmatch(text):
        instant = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    else:
        try:
            instant = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            refuse(f"{option} {text}: expected some time ago, such as 2h or 3d, or a time such as 2026-05-01T12:30")
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp
