"""Puts the console together, as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.console.application import console_application
from orchestrator.console.handshakes import ConsoleTls
from orchestrator.console.live import Live
from orchestrator.console.server import ConsoleServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.access.authentication import Authentication
    from orchestrator.access.facades import Facades
    from orchestrator.api.application import Application
    from orchestrator.api.over_http.door import HttpApi
    from orchestrator.console.application_pages import Pages


class ConsoleSettings(NamedTuple):
    """How the console is served.

    Attributes:
        listen: ``host:port``.
        shared: other processes listen on the same port.
        trace_url: where a trace can be seen, with ``{trace_id}`` in it; empty for nowhere.
        most_open: how many pages may be open at once.
        certificate: the file of its certificate; ``None`` for no TLS. The next two are as those of the API, too.
        key: the file of its private key.
        client_ca: the file of the authorities whose certificates browsers need; ``None`` where they need none.
    """

    listen: str
    shared: bool = False
    trace_url: str = ""
    most_open: int = 256
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None


def open_console(
    settings: ConsoleSettings,
    application: Application,
    engine: Facades,
    authentication: Authentication,
    pages: Sequence[Pages],
    api: HttpApi | None = None,
) -> ConsoleServer:
    """The console, which answers as soon as it is started.

    Args:
        settings: how it is served.
        application: what its pages have at hand.
        engine: as the present caller may see it.
        authentication: tells who asks.
        pages: of applications.
        api: answers beside the pages; ``None`` for none.

    Raises:
        SettingsError: the address or a file cannot be used.
        DefinitionError: a page of an application cannot be served, or has an address of the API.
    """
    live = Live(application.clock, settings.most_open)
    served = console_application(
        application, engine, authentication, live, pages=pages, api=api, trace_url=settings.trace_url
    )
    tls = None
    if settings.certificate is not None and settings.key is not None:
        tls = ConsoleTls(settings.certificate, settings.key, settings.client_ca)
    return ConsoleServer(served, live, settings.listen, tls, api=api, shared=settings.shared)
