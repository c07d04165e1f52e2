"""A pgbouncer in transaction mode: a server's connection is one's own for a transaction, and for no longer."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE: Final = 10.0


@contextmanager
def pooled(url: str, connections: int, **options: str) -> Iterator[str]:
    """The URL of a database through a pooler; ``pgbouncer`` must be installed, from the system's packages.

    Args:
        url: the database.
        connections: how many the pooler has to it.
        options: settings of pgbouncer, by name.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed: apt install pgbouncer")
    parts = urlsplit(url)
    host = parts.hostname or parse_qs(parts.query)["host"][0]
    folder = Path(tempfile.mkdtemp(prefix="saga-pgbouncer-"))
    port = _free_port()
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": str(connections),
        "server_reset_query": "",
        **options,
    }
    name = parts.path.lstrip("/")
    database = f"{name} = host={host} port={parts.port or 5432} user={parts.username}"
    lines = ["[databases]", database, "[pgbouncer]", *(f"{key} = {value}" for key, value in settings.items())]
    (folder / "pgbouncer.ini").write_text("\n".join(lines))
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    if user:
        folder.chmod(0o755)
    command = [program, "-q", *user, str(folder / "pgbouncer.ini")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_it_listens(port)
            yield f"postgresql://{parts.username}@127.0.0.1:{port}/{name}"
        finally:
            process.kill()
    shutil.rmtree(folder)


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
    raise AssertionError("pgbouncer does not listen")


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
