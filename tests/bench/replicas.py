"""Opens replicas as a process of its own would: each with its journal, traced or not."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING
from unittest.mock import patch

from orchestrator.bootstrap import opened
from orchestrator.settings import Settings
from tests.bench.checkout.sagas import checkout, delivery
from tests.bench.processes import is_setting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from orchestrator.bootstrap import OpenedReplica
    from tests.support.certificate_files import Files

SERVICE = "bench.v1.CheckoutService"


def in_file(path: Path) -> str:
    """The URL of a journal in this file."""
    return f"sqlite:{path}"


@contextlib.asynccontextmanager
async def opened_replica(
    journal: str,
    participant: str,
    *,
    collector: str = "",
    most_in_flight: int = 512,
    lease_seconds: float = 15.0,
    tls: tuple[Files, str] | None = None,
) -> AsyncIterator[OpenedReplica]:
    """A replica with its journal: in SQLite, synchronous=FULL, or on PostgreSQL.

    Args:
        journal: its URL; the file, or the tables, are made if need be.
        participant: ``host:port``.
        collector: ``host:port`` of an OTLP receiver that gets every span; empty for no tracing.
        most_in_flight: calls that may be in flight to the participant.
        lease_seconds: after how long others may take over what it advances.
        tls: the certificates of the replica, and the name of the participant; ``None`` for no TLS.
    """
    files, name = tls or (None, "")
    settings = Settings(
        journal=journal,
        participants={SERVICE: participant},
        most_in_flight=most_in_flight,
        lease_seconds=lease_seconds,
        participant_tls_ca=files and files.ca,
        participant_tls_certificate=files and files.certificate,
        participant_tls_key=files and files.key,
        participant_tls_names={SERVICE: name} if name else {},
    )
    async with contextlib.AsyncExitStack() as stack:
        with _environment(collector):  # the collector's address is read while it opens
            replica = await stack.enter_async_context(opened(settings, [checkout, delivery]))
        yield replica


@contextlib.contextmanager
def _environment(collector: str) -> Iterator[None]:
    """Nothing in the environment that changes what is measured, but for the collector."""
    # Spans are sent soon, so that a round does not leave many of them to the next.
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with patch.dict(os.environ):
        for name in filter(is_setting, list(os.environ)):
            del os.environ[name]
        os.environ.update(traced if collector else {})
        yield
