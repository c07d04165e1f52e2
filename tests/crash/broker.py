"""The broker of the shop's commands: killed, started again, and put back to what its disk held a moment ago."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING, Final

from orchestrator.participant.queued.subjects import Subjects
from tests.crash.processes import clean_environment
from tests.support.nats import NatsServer
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.crash.processes import Guardian

SUBJECTS: Final = Subjects()


class Broker:
    """A NATS server with the streams of the shop's commands. It can be started again after each end.

    Args:
        folder: its own.
        guardian: who sees to its end.
    """

    def __init__(self, folder: Path, guardian: Guardian) -> None:
        folder.mkdir(parents=True)
        self._server = NatsServer(folder)
        self._kept = folder / "kept"
        self._guardian = guardian

    @property
    def address(self) -> str:
        """``host:port``."""
        return self._server.address

    def url(self, address: str = "") -> str:
        """Where commands are published, as a setting; over another address that leads here, where one is given."""
        return f"nats://{address or self.address}/{SUBJECTS.prefix}"

    async def open(self, services: Iterable[str]) -> None:
        """Start it, and let the command line make what is needed for these, by their full names."""
        await self.restart()
        participants = [f"--participant={name}={self.url()}" for name in services]
        command = (sys.executable, "-m", "orchestrator", "channels", "create", "--sagas", "orchestrator.shop")
        made = await asyncio.create_subprocess_exec(
            *command,
            *participants,
            cwd=ROOT,
            env=clean_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await made.communicate()
        assert made.returncode == 0, said.decode()

    async def restart(self) -> None:
        """Start it, and wait until it answers."""
        await asyncio.to_thread(self._server.start)
        self._guardian.watch(self._server.pid)

    def kill(self) -> None:
        """Kill it with -9."""
        self._guardian.forget(self._server.pid)
        self._server.kill()

    async def keep(self) -> None:
        """Keep what is on its disk now."""
        self._server.pause()
        try:
            await asyncio.to_thread(self._copy, self._server.store, self._kept)
        finally:
            self._server.go_on()

    async def lose(self) -> None:
        """Kill it, and put its disk back to what was kept: all that it has acknowledged since then is gone."""
        self.kill()
        await asyncio.to_thread(self._copy, self._kept, self._server.store)
        await self.restart()

    def close(self) -> None:
        """End it for good."""
        if self._server.is_running:
            self.kill()
        self._server.close()

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
