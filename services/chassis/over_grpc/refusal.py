"""Sends a refusal: a gRPC status that carries its google.rpc.Status and, if the key is echoed, the key."""

from typing import Any, Final, NoReturn, TypeAlias

import grpc.aio

from orchestrator.participant.metadata import IDEMPOTENCY_KEY
from orchestrator.participant.statuses import DETAILS
from services.chassis.arrivals import Answer
from services.chassis.errors import ServiceError

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_NO_DOMAIN: Final = ""


async def end(context: Context, answer: Answer) -> NoReturn:
    """End the call with an answer that is a status."""
    assert answer.status is not None
    trailing: tuple[tuple[str, str | bytes], ...] = ((DETAILS, answer.status.SerializeToString()),)
    if answer.echo is not None:
        trailing = ((IDEMPOTENCY_KEY, answer.echo), *trailing)
    await context.abort(answer.code, answer.status.message, trailing)


async def refuse(context: Context, error: ServiceError) -> NoReturn:
    """End the call with an error that is no business of the service, such as bytes that are no request."""
    await end(context, Answer(error.code, status=error.status(_NO_DOMAIN)))
