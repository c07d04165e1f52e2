"""Looks again at the caller of a stream, for as long as the stream lasts.

Purpose: a token expires, a certificate ends, a subject is taken out of the file; a stream may be older than that.
Invariant: a stream ends soon after its caller would be refused, also where it has nothing to tell.

::

    every 15 seconds: may the caller still? ──no──▶ waits for its next message ──▶ is interrupted, and refused
                                                    sends one ──▶ is refused once it is sent
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from orchestrator.access.subject import Subject
    from orchestrator.ports.clock import Clock

_TRUSTED_SECONDS: Final = 15.0


class Lasting:
    """One stream.

    Args:
        look: tells who the caller is by now; it raises where they are refused.
        clock: the time.
    """

    def __init__(self, look: Callable[[], Awaitable[Subject]], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._waits = True
        self._refusal: Exception | None = None

    async def answers(self, messages: AsyncGenerator[Any, None], admitted: Subject) -> AsyncGenerator[Any, None]:
        """The messages, as long as the caller may have them.

        Args:
            messages: what is to be sent.
            admitted: the caller when the stream began.

        Raises:
            AccessRefused: the caller may not have them any longer.
            KeysUnavailable: nobody knows.
        """
        task = asyncio.current_task()
        assert task is not None
        looking = asyncio.ensure_future(self._look_again(task, admitted))
        try:
            async with aclosing(messages):
                async for message in messages:
                    self._waits = False
                    yield message
                    if self._refusal is not None:
                        break
                    self._waits = True
        except asyncio.CancelledError:
            if self._refusal is None:
                raise
            task.uncancel()
        finally:
            looking.cancel()
        if self._refusal is not None:
            raise self._refusal

    async def _look_again(self, task: asyncio.Task[Any], admitted: Subject) -> None:
        try:
            while True:
                await self._clock.sleep(_TRUSTED_SECONDS)
                if await self._look() != admitted:
                    # What the stream has asked for was narrowed to what the caller could see.
                    raise NotAllowed("ACCESS_CHANGED", "what you may do has changed since this stream began; ask again")  # noqa: TRY301 - it ends as any refusal does
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is not known to be allowed
            self._refusal = error
            if self._waits:
                task.cancel()
