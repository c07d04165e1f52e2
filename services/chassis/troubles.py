"""Makes the planned faults of a method: they stand around the guard, and raise as a servicer does.

They are there only where ``SHOP_FAULTS`` is true, and such a service does not start where a network reaches it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeAlias

from google.protobuf.message import Message

from orchestrator.participant.security.exposure import is_exposed
from services.chassis.arrivals import Arrival
from services.chassis.errors import ServiceError, StartupError
from services.chassis.faults import Kind, PlannedFaults
from services.chassis.settings import Settings

_LATE: Final = timedelta(milliseconds=500)
"""How much later than its deadline a slow call is answered."""

Method: TypeAlias = Callable[[Message, Arrival], Awaitable[Message]]


def open_faults(settings: Settings, *, prefix: str) -> PlannedFaults | None:
    """Where faults are planned, if the settings allow any.

    Args:
        settings: of the service.
        prefix: what its variables begin with, such as ``INVENTORY_``.

    Raises:
        StartupError: they do, and a network would reach the service.
    """
    if not settings.faults:
        return None
    if is_exposed(settings.listen):
        raise StartupError(
            f"SHOP_FAULTS: {settings.listen} can be reached over a network, and everybody there could make calls fail; "
            f"set {prefix}LISTEN to an address of 127.0.0.1, or leave SHOP_FAULTS unset"
        )
    return PlannedFaults(time.monotonic)


def troubled(method: Method, faults: PlannedFaults) -> Method:
    """A method with its faults around it.

    Args:
        method: what it does without.
        faults: what is planned.
    """

    async def answer(request: Message, call: Arrival) -> Message:
        mishap = faults.strike(call.metadata.saga_id, call.method)
        if mishap is None:
            return await method(request, call)
        delay = mishap.delay.total_seconds()
        try:
            mishap.before()
            reply = await method(request, call)
        except ServiceError:  # a refusal is an answer, too
            await asyncio.sleep(delay)
            raise
        await asyncio.sleep(_seconds_late(call) if Kind.SLOW in mishap.kinds else delay)
        mishap.after()
        return reply

    return answer


def _seconds_late(call: Arrival) -> float:
    return (call.seconds_left() or 0.0) + _LATE.total_seconds()
