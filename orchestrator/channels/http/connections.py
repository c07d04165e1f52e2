r"""The connections to one address: kept alive, secured, and never used for a second try.

Purpose: to send one request and to read its response. Invariant: a request is written at most once. What breaks, in the
middle or because the participant closed an idle connection just then, is told and not repeated: the engine knows
whether the command may be sent again.

::

    a command whose key is recognised ──▶ a connection that is kept alive
    one whose key is not ───────────────▶ a new connection, so that no race with an idle one leaves it in doubt
    other certificates ─────────────────▶ new connections, once one is made with them; calls under way end on the old

So certificates with which no connection can be made take the place of none with which one can.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import httpx2

from orchestrator.channels.http.outcome import HttpAnswer
from orchestrator.channels.http.pool import Pool
from orchestrator.contract.addresses import HTTPS
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.channels.http.settings import HttpSettings

_log = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 2.0
_RENEW_SECONDS: Final = 1.0
# What ends a call is its own deadline.
_TIMEOUTS: Final = {"connect": _CONNECT_SECONDS, "read": None, "write": None, "pool": None}


class ChannelClosed(Exception):
    """The channel was closed during the call."""


class Connections:
    """The connections to one address.

    Args:
        scheme: ``http`` or ``https``.
        target: ``host:port``, and the path under which the participant is, if it is under one.
        settings: how it is reached.

    Attributes:
        base: the address as a URL.

    Raises:
        SettingsError: the target is no such thing.
    """

    def __init__(self, scheme: str, target: str, settings: HttpSettings) -> None:
        self.base = _base(scheme, target)
        self._settings = settings
        self._tls = settings.tls if scheme == HTTPS else None
        self._is_secure = scheme == HTTPS
        self._extensions: dict[str, Any] = {"timeout": _TIMEOUTS}
        if self._tls is not None and (name := self._tls.stated_name(target.partition("/")[0])):
            self._extensions["sni_hostname"] = name
        self._pool = self._open()
        self._draining: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._deadlines: set[asyncio.Timeout] = set()
        self._is_closed = False
        if self._tls is not None:
            self._tls.follow(self.renew)

    def url(self, target: str) -> httpx2.URL:
        """Where a request goes: path and query, escaped, under the path of the address."""
        return self.base.copy_with(raw_path=self.base.raw_path.rstrip(b"/") + target.encode())

    async def send(
        self,
        verb: str,
        url: httpx2.URL,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | None,
        timeout: float,  # noqa: ASYNC109 - of the whole call
        *,
        alone: bool = False,
    ) -> HttpAnswer:
        """Send one request, once.

        Args:
            verb: the method of HTTP.
            url: of :meth:`url`.
            headers: those that do not follow from the others.
            body: ``None`` for none.
            timeout: seconds for all of it.
            alone: over a connection that no other request has used.

        Raises:
            TimeoutError: it took longer.
            httpx2.RequestError: the connection could not be made, broke, or carried what is no HTTP.
            ChannelClosed: the channel was closed.
        """
        request = httpx2.Request(verb, url, headers=[*headers], content=body, extensions=self._extensions)
        with self._until_closed():
            async with asyncio.timeout(timeout) as deadline:
                self._deadlines.add(deadline)
                try:
                    response, content = await self._pool.send(request, self._settings.most_bytes, alone=alone)
                finally:
                    self._deadlines.discard(deadline)
        return HttpAnswer(response.status_code, response.headers.raw, content or b"", content is not None)

    def renew(self) -> None:
        """Other certificates are in force: use new connections once one can be made."""
        if self._renewing is not None:
            self._renewing.cancel()
        self._renewing = asyncio.ensure_future(self._renew())

    async def close(self) -> None:
        """Close the connections; calls that are under way end."""
        if self._tls is not None:
            self._tls.leave(self.renew)
        self._is_closed = True
        for deadline in self._deadlines:
            deadline.reschedule(0)
        tasks = [*self._draining, *([] if self._renewing is None else [self._renewing])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._pool.close()

    @contextlib.contextmanager
    def _until_closed(self) -> Iterator[None]:
        """Whatever ends a call once the channel is closed, that is why."""
        try:
            yield
        except (TimeoutError, httpx2.RequestError, RuntimeError) as error:
            if self._is_closed:
                raise ChannelClosed from error
            raise

    def _open(self) -> Pool:
        return Pool(self._settings.context() if self._is_secure else None, self._settings.idle)

    async def _renew(self) -> None:
        while (new := await self._connected()) is None:  # noqa: ASYNC110 - nobody tells when a connection can be made
            await asyncio.sleep(_RENEW_SECONDS)
        old, self._pool = self._pool, new
        task = asyncio.ensure_future(old.drain())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
        _log.info("%s: connected with the new certificates", self.base)

    async def _connected(self) -> Pool | None:
        """A new pool, if a participant says anything to it."""
        try:
            new = self._open()
        except OSError:  # the files are exchanged just now
            return None
        greeting = httpx2.Request("OPTIONS", self.base, extensions=self._extensions)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await new.send(greeting, self._settings.most_bytes, alone=True)
        except (httpx2.RequestError, TimeoutError):
            await new.close()
            return None
        except asyncio.CancelledError:
            await new.close()
            raise
        return new


def _base(scheme: str, target: str) -> httpx2.URL:
    form = f"{scheme}://host:port, and the path under which the participant is, if it is under one"
    try:
        url = httpx2.URL(f"{scheme}://{target}")
    except httpx2.InvalidURL as error:
        raise SettingsError(f"{scheme}://{target} is no address, {error}; write {form}") from None
    if not url.host or url.query or url.fragment or url.userinfo:
        raise SettingsError(f"{scheme}://{target} is no address of a participant; write {form}")
    return url
