"""A real orchestrator that serves the shop, with callers of every role and without participants."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.access.fingerprints import fingerprint
from orchestrator.shop.demo.addresses import settings_removed
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ROLES: Final = ("viewer", "starter", "operator", "approver", "admin")
PATIENCE: Final = 60
LISTENING: Final = re.compile(r" listening on ([\w.:\[\]-]+)")
"""What a process says that takes calls, in whichever form its log is."""
_CONSOLE: Final = re.compile(r"console listening on (https?://[^\s\"]+)")
_SERVING: Final = re.compile(r"\bserving \w+ v\d")
SHOP: Final = ("orchestrator.shop",)
_COMMAND: Final = ("-m", "orchestrator", "serve", "--no-drift-check")


class Served(NamedTuple):
    """The process.

    Attributes:
        address: of its API.
        console: the URL of its console, and of its API over HTTP; empty for none.
        pid: its number.
        said: what it has said so far, line by line; all of it, once the process has ended.
    """

    address: str
    console: str
    pid: int
    said: list[str]


def token_of(name: str) -> str:
    """The token of the subject of this name."""
    return f"saga_of-{name}"


def entry(name: str, role: str = "", *more: str, token: str = "") -> str:
    """What a file of subjects says of one; the role is the name, where none is given."""
    said = [f"sha256: {fingerprint(token or token_of(name))}", f"roles: [{role or name}]", *more]
    return "\n  ".join([f"{name}:", *said]) + "\n"


def subjects_of_every_role() -> str:
    """A file of subjects, each named after its role."""
    return "".join(map(entry, ROLES))


@contextmanager
def served(folder: Path, subjects: str = "", sagas: Sequence[str] = SHOP, **environment: str) -> Iterator[Served]:
    """An orchestrator with these subjects, or those of every role; it has drained when the block is left."""
    modules = [option for module in sagas for option in ("--sagas", module)]
    file = folder / "subjects.yaml"
    file.write_text(subjects or subjects_of_every_role())
    variables = {"STATE_DIR": str(folder), "ORCHESTRATOR_SUBJECTS": str(file), **environment}
    with subprocess.Popen(
        [sys.executable, *_COMMAND, *modules, "--listen", "127.0.0.1:0"],
        cwd=ROOT,
        env=settings_removed(os.environ) | variables,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        said: list[str] = []
        try:
            for line in process.stderr:
                said.append(line)
                if _SERVING.search(line):
                    break
            else:
                raise AssertionError("".join(said))
            text = "".join(said)
            listening, console = LISTENING.search(text), _CONSOLE.search(text)
            assert listening, text
            reading = threading.Thread(target=said.extend, args=(process.stderr,))
            reading.start()
            yield Served(listening[1], console[1] if console else "", process.pid, said)
            process.terminate()
            reading.join(PATIENCE)
            assert process.wait(PATIENCE) == 0, "".join(said)
        finally:
            process.kill()
