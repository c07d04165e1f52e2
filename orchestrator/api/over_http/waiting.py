"""How long a call over HTTP is worked on: as long as its caller is there, and waits."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.rpc import status_pb2

from orchestrator.api.over_http.context import CallEnded
from orchestrator.api.over_http.requests import CallerGoneError
from orchestrator.contract.status_code import StatusCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping

    from orchestrator.api.over_http.context import HttpContext

T = TypeVar("T")

_MUCH_BYTES: Final = 64 * 1024


async def while_there(receive: Callable[[], Awaitable[MutableMapping[str, Any]]], work: Coroutine[Any, Any, T]) -> T:
    """What comes of the work, which is broken off when the caller goes, as gRPC does.

    Args:
        receive: see ASGI; the body of the request was received.
        work: what is done for the caller.

    Raises:
        CallerGoneError: the caller is gone.
    """
    working, going = asyncio.create_task(work), asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait((working, going), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise CallerGoneError
    finally:
        going.cancel()
        if working.cancel():
            await asyncio.wait((working,))


@asynccontextmanager
async def deadline(context: HttpContext) -> AsyncIterator[None]:
    """Break off what lasts longer than the caller waits.

    Raises:
        CallEnded: it does.
    """
    waiting = asyncio.timeout(context.time_remaining())
    try:
        async with waiting:
            yield
    except TimeoutError:
        if not waiting.expired():
            raise
        told = "it was not done within the time that the request allows"
        raise CallEnded(status_pb2.Status(code=StatusCode.DEADLINE_EXCEEDED.number, message=told)) from None


async def aside(size: int, work: Callable[[], T]) -> T:
    """What comes of the work, which is done in a thread where there is much of it, so that nobody waits for it.

    Args:
        size: of what is worked on, in bytes.
        work: reads or writes JSON.
    """
    return work() if size < _MUCH_BYTES else await asyncio.to_thread(work)


async def _until_gone(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
