"""An engine behind its doors, in a process of its own, until it is told to stop.

::

    engine assembled ──▶ doors open ──▶ listeners told ──▶ SIGTERM, SIGINT, or its parent gone ──▶ drained ──▶ closed
"""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator.access.facades import Facades
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.bootstrap.failpoints import arm_failpoints
from orchestrator.bootstrap.reference_cycles import look_for_cycles_seldom
from orchestrator.bootstrap.replica import assembled
from orchestrator.bootstrap.temporal import on_temporal
from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.nats.channel import NatsChannel
from orchestrator.channels.nats.dead_letters import NatsDeadCommands
from orchestrator.doors import Doors, DoorSecurity, application_of
from orchestrator.engine.replica.watchdog import Watchdog
from orchestrator.errors import JournalUnavailable
from orchestrator.store.opening import frozen_note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.api.application import Servicers
    from orchestrator.bootstrap.served import Definition
    from orchestrator.channels.router import Router
    from orchestrator.console.application_pages import Pages
    from orchestrator.settings import Settings

_log = logging.getLogger("orchestrator")


class Parent(Protocol):
    """The process that has started this one, and others on the same port."""

    def watch(self, gone: Callable[[], object]) -> None:
        """Call this once when the parent has ended."""

    def tell_listening(self) -> None:
        """Tell the parent that this replica takes calls."""


async def serve(
    settings: Settings,
    definitions: Sequence[Definition],
    servicers: Sequence[Servicers] = (),
    parent: Parent | None = None,
    pages: Sequence[Pages] = (),
    listening: Callable[[Mapping[str, str | None]], object] = lambda _: None,
) -> None:
    """Run an engine with its API and its console until SIGTERM or SIGINT, then drain it.

    It serves, new sagas too, while what an earlier process has left is still being recovered: a new saga waits for
    none of the old ones, and a repeated start finds in the journal what it started. Only an operator's act on a saga
    that is yet to be recovered is told to come again.

    Args:
        settings: of this process.
        definitions: the sagas that it runs.
        servicers: what registers the servicers of the application.
        parent: the process whose port it shares with others, and which it does not outlive; ``None`` for a replica
            that is alone on its port.
        pages: what makes the pages of the application.
        listening: called once calls are taken, with where; see :attr:`Doors.addresses`.

    Raises:
        SettingsError: a setting cannot work; and what else :func:`~orchestrator.bootstrap.embedding.opened` raises.
    """
    arm_failpoints(settings.failpoints)
    entry = DoorSecurity(settings, SystemClock.now)
    look_for_cycles_seldom()
    serving = _Serving(settings, definitions, servicers, parent, pages, listening, entry, asyncio.Event())
    if parent is not None:
        parent.watch(serving.stopping.set)
    await (serving.on_temporal() if settings.engine else serving.on_a_journal())


@dataclass(frozen=True, slots=True)
class _Serving:
    """One call of :func:`serve`; its attributes are that function's arguments, and what it has made of them."""

    settings: Settings
    definitions: Sequence[Definition]
    servicers: Sequence[Servicers]
    parent: Parent | None
    pages: Sequence[Pages]
    listening: Callable[[Mapping[str, str | None]], object]
    entry: DoorSecurity
    stopping: asyncio.Event

    async def on_a_journal(self) -> None:
        """Serve with a replica of our own."""
        watchdog = Watchdog(
            asyncio.get_running_loop(),
            self.stopping.set,
            patience=self.settings.stall_seconds,
            grace=self.settings.drain_seconds,
            note=frozen_note(self.settings.journal),
        )
        with watchdog:
            async with assembled(self.settings, self.definitions, self.entry) as (sagas, participants):
                dead_commands = NatsDeadCommands(participants.of_kind(NatsChannel))
                engine = Facades(sagas, sagas.schedules, sagas.bulk, sagas.worker.adapters.journal, dead_commands)
                doors = self._doors(engine, participants)
                await sagas.worker.begin()
                sagas.worker.recovery.reached = doors.be_ready
                await self._until_stopped(doors)

    async def on_temporal(self) -> None:
        """Serve with the sagas on a Temporal cluster: what dies with this process is its attempts, and no saga.

        Raises:
            JournalUnavailable: a worker has failed, so the process is to be started again.
        """
        failures: list[str] = []

        def fail() -> None:
            failures.append("a worker of Temporal has failed; the log tells why")
            self.stopping.set()

        async with on_temporal(self.settings, self.definitions, self.entry, fail) as (engine, participants):
            doors = self._doors(engine, participants)
            doors.be_ready(is_ready=True)
            for each in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(each, self.stopping.set)
            await self._until_stopped(doors, f" on {self.settings.engine}")
        if failures:
            raise JournalUnavailable(failures[0])

    def _doors(self, engine: Facades, participants: Router) -> Doors:
        """The doors of this process, which are closed yet."""
        over_grpc = participants.of_kind(GrpcChannel)
        application, seen = application_of(engine, over_grpc, self.servicers, SystemClock(), self.settings)
        return Doors.made(self.entry, self.settings, application, seen, self.pages, shared=self.parent is not None)

    async def _until_stopped(self, doors: Doors, where: str = "") -> None:
        """Answer until the process is told to stop, then drain; the parent hears of it before all others."""
        await doors.start()
        _log.info("serving %s%s", ", ".join(map(str, self.definitions)), where)
        if self.parent is not None:
            self.parent.tell_listening()
        self.listening(doors.addresses)
        await self.stopping.wait()
        _log.info("orchestrator draining")
        await doors.drain(self.settings.drain_seconds)
