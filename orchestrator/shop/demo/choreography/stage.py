"""What the demo plays on: a NATS server, the shop's services that hear events, and an orchestrator that tells them.

With ``ENGINE=temporal``, a Temporal server carries the orchestrator's sagas.
The loyalty campaign is not there at first. It is started later, and nothing else is changed or restarted for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from orchestrator.cli.connecting.credentials import local_token
from orchestrator.shop.demo import broker
from orchestrator.shop.demo.addresses import Addresses, free_ports, settings_removed
from orchestrator.shop.demo.cluster import ENGINE, engine_wanted
from orchestrator.shop.demo.events import LOYALTY, WAREHOUSE, Events
from orchestrator.shop.demo.otlp import Collector
from orchestrator.shop.demo.processes import Processes
from orchestrator.shop.demo.procfile import ORCHESTRATOR, ROOT, SERVICES

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Stage:
    """All processes, none of them started yet; a context manager that stops them.

    Args:
        state: the folder of all that they keep.
        engine: which one is wanted: ``temporal``, or empty for a replica of our own.

    Attributes:
        state: the same.
        addresses: where they listen.
        loyalty: where the loyalty campaign listens.
        engine: the URL of the cluster, once it is there; empty for a replica of our own.
        collector: keeps their spans.
        log: what they say.

    Raises:
        ValueError: there is no such engine; when it is entered.
        TimeoutError: the engine's server does not start; likewise.
    """

    def __init__(self, state: Path, engine: str) -> None:
        self.state = state
        self.engine = ""
        self._wanted = engine
        self.log = state / "processes.log"
        self.addresses = Addresses.free()
        self.collector = Collector()
        self.loyalty, at = (f"127.0.0.1:{port}" for port in free_ports(2))
        self._events = Events(at, self.loyalty, self.addresses.orchestrator)
        environment = self._environment()
        self._broker = Processes(
            environment, self.log, broker.NAME, commands={broker.NAME: broker.command(state / "nats", at)}
        )
        self._services = Processes(environment, self.log, *(name for name in SERVICES if name != WAREHOUSE))
        self._warehouse = Processes(environment, self.log, WAREHOUSE)
        self._loyalty = Processes(environment, self.log, LOYALTY, commands=self._events.commands)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.collector)
            settings = stack.enter_context(engine_wanted(self._wanted, self.state, self.log))
            self.engine = settings.get(ENGINE, "")
            self._orchestrator = Processes(self._environment() | settings, self.log, ORCHESTRATOR)
            # The broker ends last of them, for the others still tell it something.
            for processes in (self._broker, self._services, self._warehouse, self._loyalty, self._orchestrator):
                stack.enter_context(processes)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def token(self) -> str:
        """The local operator's, once the orchestrator serves."""
        return local_token(self.state)

    async def open(self) -> None:
        """Start everything but the loyalty campaign; it serves when this returns."""
        self._broker.start()
        self._services.start()
        self._warehouse.start()
        await self._services.serving(self.addresses.services.values())
        self._orchestrator.start()
        await self._orchestrator.serving([self.addresses.orchestrator])

    async def add_loyalty(self) -> None:
        """Start the fourth subscriber."""
        self._loyalty.start()
        await self._loyalty.serving([self.loyalty])

    def kill_warehouse(self) -> None:
        """Kill the warehouse service with -9."""
        self._warehouse.kill()

    async def restart_warehouse(self) -> None:
        """Start it again."""
        self._warehouse.start()
        await self._warehouse.serving([self.addresses.services[WAREHOUSE]])

    def dead_letters(self, service: str) -> list[str]:
        """What a service says of its dead letters, one a line."""
        listed = subprocess.run(  # noqa: S603 - it is one of ours
            (sys.executable, "-m", f"services.{service}", "dead-letters"),
            cwd=ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return listed.stdout.splitlines()

    def _environment(self) -> dict[str, str]:
        return {
            **settings_removed(os.environ),
            **self.addresses.environment,
            **self.collector.environment,
            "STATE_DIR": str(self.state),
            **self._events.environment,
        }
