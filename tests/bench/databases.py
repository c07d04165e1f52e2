"""The PostgreSQL of one run: a server of its own from the wheel, or one that is named; empty databases on it.

A server of its own keeps what it acknowledges: ``fsync`` and ``synchronous_commit`` are on, as they are by themselves.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, Self

from tests.support.postgres import NEWEST, new_database, running

if TYPE_CHECKING:
    from types import TracebackType

    from tests.bench.processes import Watched

_SETTINGS: Final = {"shared_buffers": "256MB", "max_wal_size": "4GB", "max_connections": "200"}
"""Of a server of its own: checkpoints by time and not by size, as on a server that is tuned for what it writes."""


class Databases:
    """A context manager that does nothing until it is started.

    Args:
        watched: is told of a server of its own, the CPU of which then counts as ``database``.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._stack = contextlib.ExitStack()
        self._server = os.environ.get("TEST_POSTGRES_URL", "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Have a server."""
        if not self._server:
            server = self._stack.enter_context(running(NEWEST, **_SETTINGS))
            self._server = server.url
            self._watched.add_family("database", server.pid)

    @property
    def server(self) -> str:
        """The URL of a database of the server."""
        return self._server

    def new(self) -> str:
        """The URL of an empty database; gone after the run."""
        return self._stack.enter_context(new_database(self.server))
