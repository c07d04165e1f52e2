"""The whole shop as real processes: ten services that live as long as the test run, and orchestrators as needed."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, Self

from orchestrator.shop.demo.otlp import Collector
from orchestrator.shop.place_order import place_order
from tests.crash.broker import Broker
from tests.crash.processes import Guardian, Process, clean_environment, free_addresses
from tests.crash.secured import ORCHESTRATOR
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    import grpc.aio

    from tests.crash.processes import Connect
    from tests.crash.secured import Secured

FULL_NAMES: Final = {
    each.service.file.package.split(".")[1]: each.service.full_name for each in place_order.participants
}
"""The gRPC service of each of the shop's services, by its short name, such as ``payment``."""

_SUBSCRIBERS: Final = ("email", "warehouse", "rewards", "loyalty")

_COMPLAINT: Final = re.compile(r" (ERROR|CRITICAL) |^Traceback|never (awaited|retrieved)")


class Shop:
    """The services and their collector; a context manager, inside of which they can be opened.

    Args:
        folder: where they keep their files and logs.
        traced: whether they, and the orchestrators, send their spans to :attr:`collector`.
        secured: their certificates, and those of the orchestrators; ``None`` for connections without TLS.
        faults: whether the services make faults on purpose, where that is planned.
        channels: whether the services take calls over HTTP and NATS, too.
        events: ``nats://host:port``: where email, warehouse, rewards and loyalty hear events; empty for nowhere.

    Attributes:
        broker: of the commands over NATS.
    """

    def __init__(
        self,
        folder: Path,
        *,
        traced: bool = True,
        secured: Secured | None = None,
        faults: bool = False,
        channels: bool = False,
        events: str = "",
    ) -> None:
        self.folder = folder
        self.traced = traced
        self._secured = secured
        self.collector = Collector()
        self._guardian = Guardian()
        self._environment = clean_environment() | (self.collector.environment if traced else {})
        self._environment |= {"SHOP_FAULTS": "true"} if faults else {}
        self._environment |= {f"{name.upper()}_EVENTS": events for name in _SUBSCRIBERS if events}
        self._orchestrators: list[Process] = []
        self.broker = Broker(folder / "broker", self._guardian) if channels else None
        # Asked for at once: until somebody listens at an address, it may be given again.
        free = free_addresses(2 * len(FULL_NAMES))
        self._http = dict(zip(FULL_NAMES, free[len(FULL_NAMES) :], strict=True)) if channels else {}
        self.services = {
            name: self._service(name, address)
            for name, address in zip(FULL_NAMES, free[: len(FULL_NAMES)], strict=True)
        }

    def __enter__(self) -> Self:
        self.collector.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        everyone = [*self._orchestrators, *self.services.values()]
        for process in everyone:
            if process.running:
                process.thaw()
                process.terminate()
        for process in everyone:
            process.end()
        if self.broker is not None:
            self.broker.close()
        self._guardian.__exit__(kind, error, traceback)
        self.collector.stop()

    async def open(self) -> None:
        """Start all services, side by side; they serve when this returns."""
        if self.broker is not None:
            await self.broker.open(FULL_NAMES.values())
        for process in self.services.values():
            process.start()
        await asyncio.gather(*(process.serving() for process in self.services.values()))

    async def recover(self) -> None:
        """Let whatever was killed or frozen run again, and the orchestrators end."""
        for orchestrator in self._orchestrators:
            orchestrator.end()
        for process in self.services.values():
            if process.running:
                process.thaw()
            else:
                process.start()
        await asyncio.gather(*(process.serving() for process in self.services.values()))

    def complaints(self, *, fronted: bool = False) -> list[str]:
        """Lines in the logs, of all processes so far, that tell of an accident: none of our troubles is one.

        Args:
            fronted: others answered in the place of participants, which the orchestrator does well to tell.
        """
        return [
            f"{log.stem}: {line}"
            for log in sorted(self.folder.glob("*.log"))
            for line in log.read_text(errors="replace").splitlines()
            if _COMPLAINT.search(line) and not (fronted and "live-serves-service" in line)
        ]

    def channel(self, name: str) -> grpc.aio.Channel:
        """A channel to a service, to ask it something."""
        service = self.services[name]
        return service.connect(service.address)

    def over_http(self, name: str) -> str:
        """Where a service is reached over HTTP, as a setting."""
        return f"http://{self._http[name]}"

    def over_nats(self, at: str = "") -> str:
        """Where every service is reached over NATS, as a setting; the broker at another address, where one is given."""
        assert self.broker is not None
        return self.broker.url(at)

    def orchestrator(self, folder: Path, *, instead: Mapping[str, str] | None = None, **settings: str) -> Process:
        """An orchestrator with a journal of its own and without a console, not started yet.

        Args:
            folder: its ``STATE_DIR``.
            instead: addresses, by the short names of services, to use instead of the services' own.
            settings: further ``ORCHESTRATOR_`` settings, in lower case.
        """
        (address,) = free_addresses(1)
        keep_token(folder)
        addresses = {name: process.address for name, process in self.services.items()} | dict(instead or {})
        environment = {
            "STATE_DIR": str(folder),
            "ORCHESTRATOR_SAGAS": "orchestrator.shop",
            "ORCHESTRATOR_LISTEN": address,
            "ORCHESTRATOR_CONSOLE_LISTEN": "",
            "ORCHESTRATOR_PARTICIPANTS": ",".join(f"{FULL_NAMES[name]}={where}" for name, where in addresses.items()),
            **({} if self._secured is None else self._secured.of_orchestrator(FULL_NAMES)),
            **{f"ORCHESTRATOR_{name.upper()}": value for name, value in settings.items()},
        }
        # Beside its folder: a disk that is full has no room for a log either.
        log = self.folder / f"orchestrator-{len(self._orchestrators)}.log"
        module = ("orchestrator", "serve")
        process = Process(
            "orchestrator",
            module,
            address,
            self._environment | environment,
            log,
            self._guardian,
            self._connect(ORCHESTRATOR),
        )
        self._orchestrators.append(process)
        return process

    def stand_in(self, name: str, *, at: str, folder: Path) -> Process:
        """Another service of this kind, not started yet, at an address that may belong to another process.

        It is not one of the services: the test that starts it ends it.

        Args:
            name: which service it is, by its short name.
            at: where it listens.
            folder: its ``STATE_DIR``.
        """
        return self._service(name, at, folder, log=f"{name}-at-{at.rpartition(':')[2]}")

    def _service(self, name: str, address: str, folder: Path | None = None, *, log: str = "") -> Process:
        settings = {f"{name.upper()}_LISTEN": address, "STATE_DIR": str(folder or self.folder)}
        if self.broker is not None and folder is None:
            settings |= {f"{name.upper()}_HTTP": self._http[name], f"{name.upper()}_NATS": self.broker.url()}
        if self._secured is not None:
            settings |= self._secured.of_service(name)
        environment, file = self._environment | settings, self.folder / f"{log or name}.log"
        return Process(name, (f"services.{name}",), address, environment, file, self._guardian, self._connect(name))

    def _connect(self, name: str) -> Connect | None:
        return None if self._secured is None else self._secured.connecting_to(name)
