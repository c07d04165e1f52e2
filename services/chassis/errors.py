"""The answers, other than a reply, that a service means to give.

    ServiceError
    ├── InvalidRequest   the request breaks its contract; nothing was done
    ├── Rejection        a definite business refusal; repeating the command does not change it
    ├── Unavailable      a passing failure; the same command may succeed later
    ├── Late             the caller does not wait any longer
    ├── Explained        another status, with a reason for programs
    └── InternalError    anything else that a servicer raises: logged, and answered without inner details

Each knows its google.rpc.Status, which the caller is given.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final, Self

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from orchestrator import participant

# The codes of a definite refusal. The other codes tell a caller to try again, or that the outcome is unknown.
DEFINITE: Final = frozenset(grpc.StatusCode[name] for name in participant.DEFINITE)
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class ServiceError(Exception):
    """An answer other than a reply.

    Attributes:
        settled: whether it holds for every attempt of its idempotency key, also for attempts that still arrive.
    """

    settled = False

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def status(self, domain: str) -> status_pb2.Status:
        """The google.rpc.Status of this answer, as given by the service ``domain`` (such as ``inventory.shop``)."""
        details = [_packed(detail) for detail in self._details(domain)]
        return status_pb2.Status(code=self.code.value[0], message=self.message, details=details)

    def _details(self, domain: str) -> Iterable[Message]:  # noqa: ARG002 - for those that need it
        return ()


class InvalidRequest(ServiceError):
    """The request breaks its contract: INVALID_ARGUMENT with google.rpc.BadRequest.

    Args:
        violations: what is wrong, by field path (such as ``lines[0].quantity``), in the order of discovery.
    """

    def __init__(self, violations: Iterable[tuple[str, str]]) -> None:
        self.violations = tuple(violations)
        # What concerns the request as a whole has no field to name.
        listed = "; ".join(": ".join(filter(None, violation)) for violation in self.violations)
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, listed)

    def _details(self, domain: str) -> Iterable[Message]:  # noqa: ARG002 - a field needs no domain
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in self.violations
        ]
        return (error_details_pb2.BadRequest(field_violations=violations),)


class Rejection(ServiceError):
    """A definite business refusal, with google.rpc.ErrorInfo. The guard records it.

    Args:
        reason: what a program may branch on, in UPPER_SNAKE, such as ``OUT_OF_STOCK``.
        message: what a person reads.
        code: one of ``DEFINITE``.
        metadata: the facts behind the refusal; values are shown as text.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.FAILED_PRECONDITION,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        if code not in DEFINITE:
            raise ValueError(f"{code.name} is no definite refusal")
        super().__init__(code, message)
        self.reason = reason
        self.metadata = {name: str(value) for name, value in (metadata or {}).items()}

    def _details(self, domain: str) -> Iterable[Message]:
        return (error_details_pb2.ErrorInfo(reason=self.reason, domain=domain, metadata=self.metadata),)

    def settle(self) -> Self:
        """A copy that holds for every attempt of its key; only the guard may say so.

        It is a copy, because a service may raise one object many times.
        """
        settled = type(self)(self.reason, self.message, code=self.code, metadata=self.metadata)
        settled.settled = True
        return settled

    def to_bytes(self) -> bytes:
        """This rejection as the guard records it, without the domain, which each answer adds."""
        return bytes(self.status("").SerializeToString(deterministic=True))

    @classmethod
    def from_bytes(cls, recorded: bytes) -> Self:
        """The rejection that ``to_bytes`` recorded."""
        status = status_pb2.Status.FromString(recorded)
        info = error_details_pb2.ErrorInfo()
        status.details[0].Unpack(info)
        return cls(info.reason, status.message, code=_CODES[status.code], metadata=info.metadata)


class Unavailable(ServiceError):
    """A passing failure: UNAVAILABLE with google.rpc.RetryInfo. The guard does not record it.

    Args:
        message: what a person reads.
        retry_after: how long a caller should wait before the next attempt.
    """

    def __init__(self, message: str, *, retry_after: timedelta = timedelta(milliseconds=100)) -> None:
        super().__init__(grpc.StatusCode.UNAVAILABLE, message)
        self.retry_after = retry_after

    def _details(self, domain: str) -> Iterable[Message]:  # noqa: ARG002 - a delay needs no domain
        delay = Duration()
        delay.FromTimedelta(self.retry_after)
        return (error_details_pb2.RetryInfo(retry_delay=delay),)


class Late(ServiceError):
    """The deadline is over: DEADLINE_EXCEEDED. Whether the call took effect is unknown."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.DEADLINE_EXCEEDED, "the caller does not wait any longer")


class Explained(ServiceError):
    """A status with google.rpc.ErrorInfo that no business has given; the guard does not know of it.

    Args:
        code: the status.
        message: what a person reads.
        reason: what a program may branch on, in UPPER_SNAKE.
    """

    def __init__(self, code: grpc.StatusCode, message: str, reason: str) -> None:
        super().__init__(code, message)
        self.reason = reason

    def _details(self, domain: str) -> Iterable[Message]:
        return (error_details_pb2.ErrorInfo(reason=self.reason, domain=domain),)


class InternalError(ServiceError):
    """What the caller is told when the service failed in a way that it did not foresee."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.INTERNAL, "internal error")


class StartupError(Exception):
    """The service cannot start; the message is one line that tells the operator what to change."""


def _packed(detail: Message) -> Any:
    packed = Any()
    packed.Pack(detail, deterministic=True)
    return packed
