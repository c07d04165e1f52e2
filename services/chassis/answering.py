"""Every call of the service is answered here, whichever way it came.

::

    over gRPC ──┐
    over NATS ──┼──▶ span ─▶ trusted? ─▶ valid? ─▶ in time? ─▶ [planned faults] ─▶ guard ─▶ business
    over HTTP ──┘      ◀── reply or google.rpc.Status, with the key where it holds for every attempt ──┘

The guard's answers that hold for every attempt of an idempotency key echo that key, because proxies and wrong backends
answer too, and do not echo it. These are all replies, since every method runs behind the guard, and the refusals that
the guard settled.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.security.trust import Trusts
from services.chassis.arrivals import Answer, Arrival, Way
from services.chassis.calls import during
from services.chassis.errors import InternalError, Late, ServiceError
from services.chassis.faults import PlannedFaults
from services.chassis.guard import refuse_stranger
from services.chassis.participant import KIND, Participant
from services.chassis.spans import Span, Tracing
from services.chassis.troubles import troubled
from services.chassis.validation import refuse_invalid

_LOGGER = logging.getLogger(__name__)

Method: TypeAlias = Callable[[Message, Arrival], Awaitable[Message]]


class Answering:
    """Answers the calls of one service.

    Args:
        contract: the service.
        servicer: what its methods do.
        tracing: where its spans go.
        trusts: which roles a caller has; asked before all else.
        faults: what goes wrong on purpose; ``None`` for nothing.
    """

    def __init__(
        self,
        contract: ServiceDescriptor,
        servicer: Participant,
        *,
        tracing: Tracing,
        trusts: Trusts,
        faults: PlannedFaults | None = None,
    ) -> None:
        self.contract = contract
        self._servicer = servicer
        self._tracing = tracing
        self._trusts = trusts
        self._domain = error_domain(contract)
        plain: dict[str, Method] = {method.name: getattr(servicer, method.name) for method in contract.methods}
        self._kinds = {name: getattr(method, KIND, "") for name, method in plain.items()}
        self._methods = plain if faults is None else {name: troubled(each, faults) for name, each in plain.items()}

    async def answer(self, call: Arrival) -> Answer:
        """Answer one call.

        Raises:
            asyncio.CancelledError: its caller is gone, or the process ends. Whether it took effect is unknown.
        """
        span = self._tracing.start(call.method, call.request, call.metadata, call.way)
        with during(call.metadata, span.trace_id, span.span_id):
            return await self._traced(call, span)

    async def has_seen(self, metadata: CallMetadata) -> bool:
        """Whether the guard has recorded this call, or another one with its idempotency key.

        Raises:
            Unavailable: that cannot be told now.
        """
        key = metadata.idempotency_key
        return key is not None and await self._servicer.guard.has_seen(key)

    def refused(self, error: ServiceError, echo: str | None = None) -> Answer:
        """The answer that an error is; ``echo`` is the key, where it holds for every attempt."""
        return Answer(error.code, status=error.status(self._domain), echo=echo)

    async def _traced(self, call: Arrival, span: Span) -> Answer:
        try:
            reply = await self._judged(call)
        except ServiceError as error:
            span.end(error.code)
            return self.refused(error, call.metadata.idempotency_key if error.settled else None)
        except Exception as error:
            _LOGGER.exception("%s failed", call.method)
            refusal = InternalError()
            span.end(refusal.code, error)
            return self.refused(refusal)
        except asyncio.CancelledError:
            left = call.seconds_left()
            span.end(grpc.StatusCode.CANCELLED if left is None or left > 0 else grpc.StatusCode.DEADLINE_EXCEEDED)
            raise
        span.end(grpc.StatusCode.OK)
        return Answer(grpc.StatusCode.OK, reply, echo=call.metadata.idempotency_key)

    async def _judged(self, call: Arrival) -> Message:
        kind = self._kinds[call.method]
        refuse_stranger(self._trusts, call.tell_caller, kind, call.metadata, call.method)
        refuse_invalid(call.request, call.metadata, kind)
        left = call.seconds_left()
        if left is not None and left <= 0:
            raise Late
        # gRPC itself breaks a call off whose time is over, on both sides; an answer of ours would race with that.
        within = asyncio.timeout(None if call.way is Way.GRPC else left)
        try:
            async with within:
                return await self._methods[call.method](call.request, call)
        except TimeoutError:
            if not within.expired():
                raise
            raise Late from None


def error_domain(contract: ServiceDescriptor) -> str:
    """The domain of the service's google.rpc.ErrorInfo: ``inventory.shop`` for the package ``shop.inventory.v1``."""
    return ".".join(reversed(contract.file.package.split(".")[:-1]))
