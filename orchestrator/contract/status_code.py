"""The status codes in which every answer is told, whatever carries it: those of gRPC, by name and number.

A channel that is not gRPC's maps what it hears to these, so that nothing beyond the channels knows which one it was.
"""

from __future__ import annotations

import enum
from typing import Self


class StatusCode(enum.StrEnum):
    """A status code of gRPC. It is its own name as text, and so it stands in journals, logs and errors.

    Attributes:
        number: the same in ``google.rpc.Code`` and on the wire.
    """

    number: int

    def __new__(cls, name: str, number: int) -> Self:
        """A member: the text, and its number beside it."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.number = number
        return member

    OK = "OK", 0
    CANCELLED = "CANCELLED", 1
    UNKNOWN = "UNKNOWN", 2
    INVALID_ARGUMENT = "INVALID_ARGUMENT", 3
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED", 4
    NOT_FOUND = "NOT_FOUND", 5
    ALREADY_EXISTS = "ALREADY_EXISTS", 6
    PERMISSION_DENIED = "PERMISSION_DENIED", 7
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED", 8
    FAILED_PRECONDITION = "FAILED_PRECONDITION", 9
    ABORTED = "ABORTED", 10
    OUT_OF_RANGE = "OUT_OF_RANGE", 11
    UNIMPLEMENTED = "UNIMPLEMENTED", 12
    INTERNAL = "INTERNAL", 13
    UNAVAILABLE = "UNAVAILABLE", 14
    DATA_LOSS = "DATA_LOSS", 15
    UNAUTHENTICATED = "UNAUTHENTICATED", 16
