"""A command as its contract declares it: the one description that all other packages use."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from orchestrator.contract.status_code import StatusCode
    from saga.v1 import contract_pb2

DEFAULT_TIMEOUT = timedelta(seconds=5)

LONGEST_ATTEMPT = timedelta(days=1)
LONGEST_QUEUED = timedelta(days=7)
"""The longest time of an attempt, and of the delay before one."""


class Effect(enum.Enum):
    """What a command does to the world; the names of ``saga.v1.Effect``."""

    UNSPECIFIED = 0
    QUERY = 1
    COMPENSABLE = 2
    PIVOT = 3
    RETRYABLE = 4


class OnUnknown(enum.Enum):
    """What follows once the attempts are spent and the outcome is unknown; see ``saga.v1.OnUnknown``."""

    RESEND = 1
    VERIFY = 2
    COMPENSATE = 3
    SUSPEND = 4


class Meaning(enum.Enum):
    """What a status says about the effect; the numbers of ``saga.v1.Outcome``."""

    REJECTED = 1
    RETRY = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """What a status of one method means, where that differs from its usual meaning.

    Attributes:
        code: the status code.
        reason: the reason in the google.rpc.ErrorInfo; empty for any.
        message_contains: a part of the status's message; empty for any.
    """

    code: StatusCode
    reason: str
    meaning: Meaning
    message_contains: str = ""

    def matches(self, code: StatusCode, reason: str, message: str) -> bool:
        """Whether the rule applies to a status: everything that the rule states must be true of the status."""
        return code is self.code and self.reason in ("", reason) and self.message_contains in message

    def covers(self, other: OutcomeRule) -> bool:
        """Whether every status that the other rule matches is matched by this one, too."""
        return self.matches(other.code, other.reason, other.message_contains)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When an attempt is followed by another.

    The delay before attempt n + 1 is drawn evenly from 0 to ``min(cap, first_delay * factor ** (n - 1))``.
    """

    attempts: int = 4
    first_delay: timedelta = timedelta(milliseconds=100)
    factor: float = 2.0
    cap: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """One rpc as a saga sees it.

    Attributes:
        service: the full name of the service, such as ``shop.inventory.v1.InventoryService``.
        method: the name of the rpc, such as ``ReserveStock``.
        file: the .proto file that declares it.
        request: the generated class of its request.
        response: the generated class of its response.
        compensation: the command that undoes it, where it is compensable.
        verify: the query that tells whether it took effect, where the contract names one.
        outcomes: what certain statuses mean; the first rule that matches decides.
        streaming: the rpc streams in some direction, so no saga can use it.
        identities: the fields of the request by which the participant recognises a repeated command.
        fillings: what fills fields of a derived request in another way than by name and type, by the full name of the
            compensation or of the verify.
        queue_deadline: how long it may wait in a queue before it is begun; ``None`` for as long as is set.
    """

    service: str
    method: str
    file: str
    request: type[Message]
    response: type[Message]
    effect: Effect
    on_unknown: OnUnknown = OnUnknown.RESEND
    timeout: timedelta = DEFAULT_TIMEOUT
    retry: RetryPolicy = RetryPolicy()
    idempotent: bool = True
    compensation: Command | None = None
    verify: Command | None = None
    outcomes: tuple[OutcomeRule, ...] = ()
    streaming: bool = False
    identities: tuple[str, ...] = ()
    fillings: Mapping[str, tuple[contract_pb2.Filling, ...]] = field(default_factory=dict)
    queue_deadline: timedelta | None = None

    @property
    def name(self) -> str:
        """The full name, such as ``shop.inventory.v1.InventoryService.ReserveStock``."""
        return f"{self.service}.{self.method}"

    @property
    def short_name(self) -> str:
        """The name as it stands in keys, such as ``InventoryService.ReserveStock``."""
        return f"{self.service.rpartition('.')[2]}.{self.method}"

    @property
    def path(self) -> str:
        """The path on the wire, such as ``/shop.inventory.v1.InventoryService/ReserveStock``."""
        return f"/{self.service}/{self.method}"
