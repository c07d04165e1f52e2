"""Waits for the first of several futures, with nothing but futures: a run may stand on any event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


async def first_done(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of the futures is done, whatever came of it; none of them is cancelled."""
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    wake = _waker(woken)
    for future in futures:
        future.add_done_callback(wake)
    try:
        await woken
    finally:
        for future in futures:
            future.remove_done_callback(wake)


def _waker(woken: asyncio.Future[None]) -> Callable[[object], None]:
    def wake(_: object) -> None:
        if not woken.done():
            woken.set_result(None)

    return wake
