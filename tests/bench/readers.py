"""A process of its own: browsers that keep pages of a console open, as long as they are told to.

``python -m tests.bench.readers <address> <cookie> <path>...`` opens a stream for each path at a line ``open`` on its
standard input, says ``opened`` once each has been shown something, and closes them at a line ``close``. It ends with
its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import Sequence


async def _follow(client: httpx2.AsyncClient, path: str, shown: asyncio.Event) -> None:
    async with client.stream("GET", path, headers={"accept": "text/event-stream"}) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("event: shown"):
                shown.set()


async def _read(address: str, cookie: str, paths: Sequence[str]) -> None:
    loop, following = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    limits = httpx2.Limits(max_connections=len(paths))
    headers = {"cookie": cookie}
    async with httpx2.AsyncClient(base_url=address, headers=headers, limits=limits, timeout=None) as client:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if line.strip() == "open":
                shown = [asyncio.Event() for _ in paths]
                pairs = zip(paths, shown, strict=True)
                following = [asyncio.create_task(_follow(client, path, event)) for path, event in pairs]
                await asyncio.gather(*(event.wait() for event in shown))
                print("opened", flush=True)  # noqa: T201 - the bench reads it
                continue
            for task in following:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*following)
            print("closed", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    asyncio.run(_read(sys.argv[1], sys.argv[2], sys.argv[3:]))
