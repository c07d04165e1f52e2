"""The services of another team, as processes: a boutique, by contracts that are not ours to edit.

    process    services                                                 mixed     python
    -------    -----------------------------------------------------    ------    ------
    goods      CartService, ProductCatalogService, ShippingService      Go        Python
    payment    CurrencyService, PaymentService                          Node      Python
    email      EmailService                                             Python    Python

They do what such services do: a repeated charge takes the money twice, a parcel gets a number that nobody chose, and a
card is refused by a text alone. Each effect is a line of JSON on the standard output, written before the answer; the
lines of all processes are one ledger. It outlives a process that is killed, as the effects do.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support import contracts
from tests.support.languages import PATIENCE, copy_of, done, environment, fetched, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.descriptor_pool import DescriptorPool

SOURCE: Final = Path(__file__).parent / "foreign_services"
SERVICES: Final = {
    "goods": ("CartService", "ProductCatalogService", "ShippingService"),
    "payment": ("CurrencyService", "PaymentService"),
    "email": ("EmailService",),
}
"""The services of each process; their package is ``boutique``."""

_PYTHON: Final = f'"{sys.executable}" python/services.py'
_IN_PYTHON: Final = {
    "goods": f"{_PYTHON} {{address}} cart catalogue shipping",
    "payment": f"{_PYTHON} {{address}} currency payment",
    "email": f"{_PYTHON} {{address}} email",
}
_COMMANDS: Final = {
    "mixed": _IN_PYTHON | {"goods": "go/bin/boutique {address}", "payment": "node node/server.js {address} protos"},
    "python": _IN_PYTHON,
}
_LISTENING: Final = "listening on "
_ENDED: Final = "ended: "
_MARK: Final = "read until "


class Lines:
    """What all processes write, line by line, in the order in which they write it.

    A thread reads, so that no process waits for a reader. Who asks writes a mark first, and waits until the thread has
    come to it: then all that was written before the question is in the answer.
    """

    def __init__(self) -> None:
        self._beginning, self.end = os.pipe()
        self._lines: list[str] = []
        self._marks = itertools.count(1)
        self._marked = 0
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def all(self) -> list[str]:
        """Every line until now."""
        mark = next(self._marks)
        os.write(self.end, f"{_MARK}{mark}\n".encode())
        self.wait_for(lambda _: self._marked >= mark)
        return [*self._lines]

    def wait_for(self, is_there: Callable[[list[str]], bool]) -> None:
        """Wait until the lines are so."""
        with self._changed:
            assert self._changed.wait_for(lambda: is_there(self._lines), PATIENCE), "\n".join(self._lines)

    def close(self) -> None:
        """Read to the end; every process has ended."""
        os.close(self.end)
        self._reader.join(PATIENCE)

    def _read(self) -> None:
        with os.fdopen(self._beginning) as beginning:
            for line in beginning:
                with self._changed:
                    if line.startswith(_MARK):
                        self._marked = int(line.removeprefix(_MARK))
                    else:
                        self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()


class Foreign:
    """The running boutique.

    Attributes:
        folder: where it was built; from here, Python finds its stubs.
        protos: its contracts.
        addresses: ``host:port`` by the full name of the service. They stay when a process is started again.
    """

    def __init__(self, folder: Path, commands: Mapping[str, str]) -> None:
        self.folder = folder
        self.protos = folder / "protos"
        self.addresses: dict[str, str] = {}
        self._commands = commands
        self._processes: dict[str, tuple[subprocess.Popen[bytes], threading.Thread]] = {}
        self._lines = Lines()
        self._known: DescriptorPool = contracts.pool(self.protos)

    def start(self, name: str, **variables: str) -> None:
        """Start a process and wait until it listens. With ``PAYMENT_STALLS="1"``, payment charges and never answers."""
        assert name not in self._processes, f"{name} runs"
        full_names = [f"boutique.{service}" for service in SERVICES[name]]
        command = self._commands[name].format(address=self.addresses.get(full_names[0], "127.0.0.1:0"))
        before = len(self._lines.all())
        tell(".", command)
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=self.folder,
            env=environment(self.folder) | {"PYTHONPATH": str(self.folder)} | variables,
            stdout=self._lines.end,
            stderr=subprocess.STDOUT,
        )
        waiting = threading.Thread(target=self._wait, args=(name, process), daemon=True)
        self._processes[name] = process, waiting
        waiting.start()
        self._lines.wait_for(
            lambda lines: any(line.startswith(_LISTENING) or line == f"{_ENDED}{name}" for line in lines[before:])
        )
        said = self._lines.all()[before:]
        address = next((line.removeprefix(_LISTENING) for line in said if line.startswith(_LISTENING)), None)
        assert address, "\n".join(said)
        self.addresses |= dict.fromkeys(full_names, address)

    def kill(self, name: str) -> None:
        """Kill a process, at whatever it is; return when it has ended."""
        process, waiting = self._processes.pop(name)
        process.kill()
        waiting.join(PATIENCE)

    def ledger(self, effect: str | None = None, **facts: object) -> list[dict[str, Any]]:
        """The effects until now, in their order; all, or those of one kind, with these facts.

        The kinds are ``added``, ``emptied``, ``charged``, ``shipped`` and ``mailed``.
        """
        wanted = facts if effect is None else {"effect": effect, **facts}
        return [entry for entry in _entries(self._lines.all()) if wanted.items() <= entry.items()]

    def wait_for(self, effect: str, *, count: int) -> None:
        """Wait until there are so many effects of a kind, those of earlier tests too."""
        self._lines.wait_for(lambda lines: sum(entry["effect"] == effect for entry in _entries(lines)) >= count)

    def call(self, method: str, **request: object) -> dict[str, Any]:
        """The reply of a method, ``PaymentService/Charge``, as its fields.

        Raises:
            grpc.RpcError: any other end of the call.
        """
        service = f"boutique.{method.partition('/')[0]}"
        return contracts.call(self._known, self.addresses[service], f"boutique.{method}", request)

    def stop(self) -> None:
        """Kill what runs."""
        for name in tuple(self._processes):
            self.kill(name)
        self._lines.close()

    def _wait(self, name: str, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        os.write(self._lines.end, f"{_ENDED}{name}\n".encode())


def _entries(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.startswith('{"')]


@pytest.fixture(scope="session")
def boutique(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the boutique, elsewhere, with the stubs of Python."""
    folder = copy_of(SOURCE, tmp_path_factory.mktemp("foreign") / "boutique")
    done(folder, ".", "orchestrator generate --protos protos --out .")
    return folder


@pytest.fixture(scope="session")
def built_boutique(boutique: Path) -> Path:
    """The same, with what Go and Node have built."""
    fetched(boutique, "go", "go mod download")
    fetched(boutique, "go", "GOBIN=$PWD/bin go install tool")
    protoc = "protoc -I ../protos --go_out=. --go_opt=module=boutique --go-grpc_out=. --go-grpc_opt=module=boutique"
    done(boutique, "go", f"PATH=$PWD/bin:$PATH {protoc} boutique.proto")
    done(boutique, "go", "go build -o bin/boutique .")
    fetched(boutique, "node", "npm install --no-audit --no-fund")
    return boutique


@pytest.fixture(scope="module", params=["mixed", "python"])
def foreign(request: pytest.FixtureRequest) -> Iterator[Foreign]:
    """All of its processes, running; once in three languages, and once in Python alone."""
    folder: Path = request.getfixturevalue("built_boutique" if request.param == "mixed" else "boutique")
    running = Foreign(folder, _COMMANDS[request.param])
    with ExitStack() as stack:
        stack.callback(running.stop)
        for name in SERVICES:
            running.start(name)
        yield running
