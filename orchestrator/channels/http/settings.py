"""How participants are reached over HTTP."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.connections.tls import ClientTls, TokenFile


@dataclass(frozen=True)
class HttpSettings:
    """How participants are reached over HTTP.

    Attributes:
        most_bytes: the largest request and the largest reply.
        idle: seconds for which a connection without a call is kept; less than after which servers close it themselves.
        tls: whom ``https`` trusts and who we are; ``None`` for the authorities that the system trusts.
        tokens: what is sent along to a service, by its full name.
    """

    most_bytes: int = 16 * 1024 * 1024
    idle: float = 4.0
    tls: ClientTls | None = None
    tokens: Mapping[str, TokenFile] = field(default_factory=dict)

    def context(self) -> ssl.SSLContext:
        """What connections are secured with that are opened now."""
        return ssl.create_default_context() if self.tls is None else self.tls.context("http/1.1")


DEFAULT_SETTINGS: Final = HttpSettings()
