"""Commands of Go, Node and protoc, and the services that they build, in a folder of their own.

Their modules come through the ordinary clients of these languages. Where a tool is missing, or its modules cannot be
fetched, the test that needs it is skipped, and says why.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from orchestrator.shop.demo.addresses import settings_removed
from tests.support.lines import Lines
from tests.support.repository import BIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE: Final = 60

# The modules of others are fetched and compiled once for each machine, and that takes longer than any test.
_FETCHING: Final = 400


class Process(NamedTuple):
    """A running service: where it is, what it said until it was ready, and what it says from then on."""

    address: str
    told: list[str]
    says: Lines


def copy_of(source: Path, folder: Path) -> Path:
    """Copy the examples to a folder elsewhere, with the protoc of grpcio-tools as `protoc`."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    protoc = folder / "tools" / "protoc"
    protoc.parent.mkdir()
    protoc.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m grpc_tools.protoc "$@"\n')
    protoc.chmod(protoc.stat().st_mode | stat.S_IXUSR)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Without settings of ours, and with the commands of this Python and of the folder."""
    path = os.pathsep.join([str(folder / "tools"), str(BIN), os.environ["PATH"]])
    return settings_removed(os.environ) | {"PATH": path, "GOFLAGS": "-mod=mod"}


def tell(where: str, command: str) -> None:
    print(f"{where}$ {command}")  # noqa: T201 - for who waits for it, with -s


def run(folder: Path, where: str, command: str, *, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    tell(where, command)
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder / where,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def done(folder: Path, where: str, command: str) -> str:
    """What the command says, which must succeed."""
    ended = run(folder, where, command)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def fetched(folder: Path, where: str, command: str) -> None:
    """Run what only fetches and compiles the modules of others; skip what needs them where they are out of reach."""
    tool = re.sub(r"^\w+=\S+ ", "", command).split()[0]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    ended = run(folder, where, command, seconds=_FETCHING)
    if ended.returncode:
        pytest.skip(f"`{command}` could not fetch its modules: {ended.stderr.strip().splitlines()[-1:]}")


@contextmanager
def running(folder: Path, where: str, command: str, says: str = "listening on ") -> Iterator[Process]:
    """A process that has said where it listens, after these words; ended at the end."""
    tell(where, command)
    with subprocess.Popen(
        ["sh", "-c", f"exec {command}"],
        cwd=folder / where,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        assert started.stdout is not None
        lines = Lines(started.stdout)
        try:
            for line in lines:
                if ready := re.search(rf"{says}(\S+)", line):
                    yield Process(ready[1], list(lines.said), lines)
                    break
            else:
                raise AssertionError(f"{command} ended before it was ready:\n{''.join(lines.said)}")
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(PATIENCE)
