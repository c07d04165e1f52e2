"""How a refusal leaves: as a gRPC status that carries its google.rpc.Status, and the echo of the key if it has one."""

from typing import Any, Final, NoReturn, TypeAlias

import grpc.aio

from services.chassis.errors import ServiceError
from services.chassis.metadata import IDEMPOTENCY_KEY

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_DETAILS: Final = "grpc-status-details-bin"


async def refuse(context: Context, error: ServiceError, *, domain: str = "", echo: str | None = None) -> NoReturn:
    """Ends the call with `error`, as given by the service `domain`.

    Args:
        context: The call.
        error: The answer.
        domain: See `services.chassis.interceptor.error_domain`.
        echo: The idempotency key for which this is the guard's own and settled answer; None where it is not.
    """
    trailing: tuple[tuple[str, str | bytes], ...] = ((_DETAILS, error.status(domain).SerializeToString()),)
    if echo is not None:
        trailing = ((IDEMPOTENCY_KEY, echo), *trailing)
    await context.abort(error.code, error.message, trailing)
