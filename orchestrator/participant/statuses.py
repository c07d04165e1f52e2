"""Statuses of gRPC: how a guarded call ends without a reply, and how the record keeps a rejection.

The record keeps the code, the message and ``grpc-status-details-bin`` as they were sent, so that the rejection is
answered again byte for byte. Other trailing metadata of a rejection is not recorded.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2, status_pb2

from orchestrator.participant.errors import DEFINITE, PostponedError, Refusal, RefusedError

DETAILS: Final = "grpc-status-details-bin"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_POSTPONED: Final = frozenset({grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED})
# Code, whether there are details, and the length of the message.
_HEAD: Final = struct.Struct("!B?I")

Trailing: TypeAlias = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Status:
    """A status other than OK.

    Attributes:
        code: its code.
        message: what a person reads.
        trailing: the trailing metadata that goes with it, rich details included.
    """

    code: grpc.StatusCode
    message: str
    trailing: Trailing = ()

    @classmethod
    def rich(cls, status: Any) -> "Status":  # noqa: ANN401 - google.rpc.Status ships no types
        """The status that a google.rpc.Status describes."""
        return cls(_CODES[status.code], status.message, ((DETAILS, status.SerializeToString(deterministic=True)),))

    @classmethod
    def of_refusal(cls, refusal: Refusal, domain: str) -> "Status":
        """A refusal as a status with google.rpc.ErrorInfo, as given by the service ``domain``."""
        code = grpc.StatusCode[refusal.code]
        info = error_details_pb2.ErrorInfo(reason=refusal.reason, domain=domain, metadata=refusal.metadata)
        return cls.rich(status_pb2.Status(code=code.value[0], message=refusal.message, details=[_packed(info)]))

    @classmethod
    def of_violations(cls, violations: Iterable[tuple[str, str]]) -> "Status":
        """INVALID_ARGUMENT with google.rpc.BadRequest; violations are pairs of a field and what is wrong with it."""
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in violations
        ]
        message = "; ".join(": ".join(filter(None, (each.field, each.description))) for each in fields)
        details = [_packed(error_details_pb2.BadRequest(field_violations=fields))]
        code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
        return cls.rich(status_pb2.Status(code=code, message=message, details=details))

    @classmethod
    def recorded(cls, content: bytes) -> "Status":
        """What ``to_bytes`` has recorded."""
        code, is_rich, length = _HEAD.unpack_from(content)
        message, details = content[_HEAD.size : _HEAD.size + length], content[_HEAD.size + length :]
        return cls(_CODES[code], message.decode(), ((DETAILS, details),) if is_rich else ())

    def to_bytes(self) -> bytes:
        """This status as the guard records it."""
        details = dict(self.trailing).get(DETAILS)
        message = self.message.encode()
        written = details if isinstance(details, bytes) else b""
        return _HEAD.pack(self.code.value[0], details is not None, len(message)) + message + written

    def error(self) -> Exception:
        """What the handler of a guarded call ends with for this status."""
        if self.code.name in DEFINITE:
            return RefusedError(self.to_bytes())
        # Only with details is it "no effect yet": gRPC itself says RESOURCE_EXHAUSTED of a message that is too large.
        if self.code in _POSTPONED and DETAILS in dict(self.trailing):
            return PostponedStatusError(self)
        return FailedStatusError(self)


class FailedStatusError(Exception):
    """The handler ended with a status that says nothing definite; nothing is recorded."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


class PostponedStatusError(PostponedError):
    """The handler ended with a status that says: no effect yet, try again."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


def error_domain(service: str) -> str:
    """The domain of a service's google.rpc.ErrorInfo: ``inventory.shop`` for ``shop.inventory.v1.InventoryService``."""
    return ".".join(reversed(service.split(".")[:-2])) or service


def _packed(detail: Any) -> Packed:  # noqa: ANN401 - google.rpc ships no types
    packed = Packed()
    packed.Pack(detail, deterministic=True)
    return packed
