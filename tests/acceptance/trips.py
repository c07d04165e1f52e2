"""The project of `own_saga`, in a folder elsewhere: from us it has only the installed package."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from orchestrator.shop.demo.addresses import settings_removed
from tests.support.lines import Lines
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE: Final = Path(__file__).parent / "own_saga"

_BIN: Final = Path(sys.executable).parent
_PATIENCE: Final = 60

# grpcurl is no package of Python; `buf curl` asks the same of the same.
_GRPCURL: Final = f"""#!/bin/sh
[ $# = 7 ] && [ "$1 $2 $4" = "-plaintext -H -d" ] || exit 2
exec "{_BIN}/buf" curl --protocol grpc --http2-prior-knowledge -H "$3" --reflect-header "*" -d "$5" "http://$6/$7"
"""


class Agency(NamedTuple):
    """The running project.

    Attributes:
        address: of its orchestrator.
        participants: the address of its participants.
        says: what the participants say.
    """

    address: str
    participants: str
    says: Lines


def environment(tools: Path) -> dict[str, str]:
    """Without settings of ours, with the commands of this Python, and with a `grpcurl`."""
    return settings_removed(os.environ) | {"PATH": os.pathsep.join([str(tools), str(_BIN), os.environ["PATH"]])}


def orchestrator(folder: Path, *arguments: str) -> str:
    """What the command says, which must succeed."""
    done = subprocess.run(
        [str(_BIN / "orchestrator"), *arguments],
        cwd=folder,
        env=settings_removed(os.environ),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def process(folder: Path, stream: str, says: str, *command: str) -> Iterator[tuple[re.Match[str], Lines]]:
    """A process that has said that it is ready, and what else it says; terminated at the end."""
    stdout, stderr = (subprocess.PIPE if stream == each else None for each in ("stdout", "stderr"))
    environment = settings_removed(os.environ)
    with subprocess.Popen(command, cwd=folder, env=environment, text=True, stdout=stdout, stderr=stderr) as started:
        try:
            said = Lines(getattr(started, stream))
            for line in said:
                if ready := re.search(says, line):
                    yield ready, said
                    break
            else:
                raise AssertionError(f"{command} ended before it was ready: {''.join(said.said)}")
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(_PATIENCE)


def write_tool(folder: Path) -> Path:
    """A folder with a `grpcurl` for the search path."""
    folder.mkdir(exist_ok=True)
    tool = folder / "grpcurl"
    tool.write_text(_GRPCURL)
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project, with its stubs."""
    folder = tmp_path_factory.mktemp("elsewhere") / "trips"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    orchestrator(folder, "generate", "--protos", "protos", "--out", ".")
    return folder


@pytest.fixture(scope="session")
def agency(project: Path) -> Iterator[Agency]:
    """Its participants and its orchestrator, running."""
    keep_token(project / ".state")
    with ExitStack() as stack:
        participants = process(
            project, "stdout", r"listening on port (\d+)", sys.executable, "participants.py", "127.0.0.1:0"
        )
        ready, said = stack.enter_context(participants)
        where = f"127.0.0.1:{ready[1]}"
        served = process(
            project,
            "stderr",
            r"listening on (\S+)",
            *(str(_BIN / "orchestrator"), "serve", "--sagas", "trip_api", "--listen", "127.0.0.1:0"),
            *("--participant", f"trip.v1.HotelService={where}"),
            *("--participant", f"trip.v1.FlightService={where}"),
        )
        address, _ = stack.enter_context(served)
        yield Agency(address[1], where, said)
