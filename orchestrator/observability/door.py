"""Where metrics can be read, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


class ServerFiles(NamedTuple):
    """What a server shows to its clients over TLS, all files in PEM.

    Attributes:
        certificate: its certificate, with the chain.
        key: its private key, without a password.
        client_ca: the authorities whose certificates clients need; ``None`` where they need none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


class Door(NamedTuple):
    """Where metrics can be read, and by whom.

    Attributes:
        address: ``host:port``; port 0 leaves the choice to the system.
        tls: what is shown to clients; ``None`` for connections that are not encrypted.
        refuse: called on the loop with the header ``Authorization`` and where the call comes from; raises an
            :class:`~orchestrator.errors.OrchestratorError` where the caller may not read metrics. ``None`` where
            everybody may.
    """

    address: str
    tls: ServerFiles | None = None
    refuse: Callable[[str, str], Awaitable[None]] | None = None
