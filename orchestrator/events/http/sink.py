"""Tells a webhook: one POST for each delivery.

Invariant: an event counts as taken only when the receiver has answered with a 2xx. Redirects are not followed: a signed
event goes where the operator said, and nowhere else; and no proxy of the environment is used.

====================================  ====================================================================
what comes                            what it means
====================================  ====================================================================
2xx                                   taken
408, 425, 429, 502, 503, 504          nobody takes it now: tried again, after ``retry-after`` where it is said
3xx, 4xx, 5xx otherwise               this event was refused: tried again, until it is given up
no answer, a broken connection        as 503
====================================  ====================================================================
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import httpx2

from orchestrator.events.cloud_event import binary_form, structured_form
from orchestrator.events.http.signing import signature_headers
from orchestrator.ports.sink import NotTaken

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from orchestrator.events.addresses import SinkAddress
    from orchestrator.ports.outbox import KeptEvent

_NOBODY_THERE: Final = frozenset({408, 425, 429, 502, 503, 504})
_SHOWN_BYTES: Final = 200
_MOST_READ_BYTES: Final = 65_536
_IDLE_SECONDS: Final = 30.0


class Webhook:
    """A :class:`~orchestrator.ports.sink.Sink` behind a URL.

    Args:
        address: where it is.
        secrets: those with which what is sent at an instant, in seconds since the epoch, UTC, is signed.
        context: what each connection is secured with; ``None`` for http.
        timeout: seconds that one delivery takes at most.
        now: seconds since the epoch, UTC.
    """

    most_at_once = 16

    def __init__(
        self,
        address: SinkAddress,
        secrets: Callable[[float], Sequence[bytes]],
        context: ssl.SSLContext | None,
        timeout: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = address.name
        self.timeout = timeout
        self._address = address
        self._secrets = secrets
        self._now = now
        self._client = httpx2.AsyncClient(
            verify=context if context is not None else False,
            follow_redirects=False,
            trust_env=False,
            timeout=httpx2.Timeout(timeout),
            limits=httpx2.Limits(max_connections=self.most_at_once, keepalive_expiry=_IDLE_SECONDS),
        )

    def wants(self, kind: str) -> bool:
        """See the port."""
        return self._address.wants(kind)

    async def tell(self, event: KeptEvent) -> NotTaken | None:
        """See the port."""
        form = structured_form if self._address.structured else binary_form
        headers, body = form(event, self._address.data_format)
        now = self._now()
        headers |= signature_headers(self._secrets(now), event.event.event_id, int(now), body)
        try:
            async with asyncio.timeout(self.timeout):
                return await self._post(headers, body)
        except TimeoutError:
            return NotTaken(f"no answer within {self.timeout:g} s", answered=False)
        except httpx2.RequestError as error:
            return NotTaken(f"{type(error).__name__}: {error}".rstrip(": "), answered=False)

    async def close(self) -> None:
        """See the port."""
        await self._client.aclose()

    async def _post(self, headers: dict[str, str], body: bytes) -> NotTaken | None:
        async with self._client.stream("POST", self._address.target, headers=headers, content=body) as response:
            if response.is_success:
                await _read(response, _MOST_READ_BYTES)  # so that the connection can be used again
                return None
            said = (await _read(response, _SHOWN_BYTES)).decode("utf-8", "replace").strip()
        status = response.status_code
        error = f"{status} {response.reason_phrase}".rstrip() + (f": {said}" if said else "")
        if response.is_redirect:
            error = f"{status}: redirects are not followed"
        return NotTaken(error, status not in _NOBODY_THERE, _seconds(response.headers.get("retry-after", "")))


async def _read(response: httpx2.Response, most: int) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= most:
            break
    return body[:most]


def _seconds(text: str) -> float:
    """What ``retry-after`` says in seconds; 0 where it says nothing, or a date."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < len("1000000") else 0.0
