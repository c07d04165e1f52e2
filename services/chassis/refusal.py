"""Sends a refusal: a gRPC status that carries its google.rpc.Status and, if the key is echoed, the key."""

from typing import Any, Final, NoReturn, TypeAlias

import grpc.aio

from orchestrator.participant.metadata import IDEMPOTENCY_KEY
from services.chassis.errors import ServiceError

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_DETAILS: Final = "grpc-status-details-bin"


async def refuse(context: Context, error: ServiceError, *, domain: str = "", echo: str | None = None) -> NoReturn:
    """End the call with ``error``, as given by the service ``domain``.

    Args:
        context: the call.
        error: the answer.
        domain: see ``services.chassis.interceptor.error_domain``.
        echo: the idempotency key for which the guard has settled this answer; None where it has not.
    """
    trailing: tuple[tuple[str, str | bytes], ...] = ((_DETAILS, error.status(domain).SerializeToString()),)
    if echo is not None:
        trailing = ((IDEMPOTENCY_KEY, echo), *trailing)
    await context.abort(error.code, error.message, trailing)
