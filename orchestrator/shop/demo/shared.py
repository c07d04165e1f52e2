"""``make run REPLICAS=3``: so many replicas of the orchestrator, and the PostgreSQL that they share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.shop.demo import database
from orchestrator.shop.demo.procfile import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.shop.demo.addresses import Addresses


@dataclass(frozen=True)
class Shared:
    """What the replicas share besides their own port.

    Attributes:
        replicas: how many they are.
        port: of the database.
        folder: of the database's files.
    """

    replicas: int
    port: int
    folder: Path

    @classmethod
    def wanted(cls, addresses: Addresses, environment: Mapping[str, str]) -> Shared | None:
        """As ``REPLICAS`` says; ``None`` for one replica, which shares nothing.

        The database is on the port after the last one, and its files are where the other processes have theirs.

        Raises:
            ValueError: it is no number of replicas.
        """
        replicas = int(environment.get("REPLICAS", "").strip() or 1)
        if replicas < 1:
            raise ValueError(f"a whole number, 1 or more, is expected, not {replicas}")
        last = max(int(address.rpartition(":")[2]) for address in addresses.all.values())
        folder = (ROOT / Path(environment.get("STATE_DIR", ".state")) / "postgres").resolve()
        return cls(replicas, last + 1, folder) if replicas > 1 else None

    @property
    def addresses(self) -> dict[str, str]:
        """Of what they share, by the name of the process."""
        return {database.NAME: f"127.0.0.1:{self.port}"}

    @property
    def commands(self) -> dict[str, str]:
        """What a shell runs for it, by the name of the process."""
        return {database.NAME: database.command(self.folder, self.port)}

    @property
    def environment(self) -> dict[str, str]:
        """The settings that make replicas of the orchestrator, and let them find it."""
        return {"ORCHESTRATOR_PROCESSES": str(self.replicas), "ORCHESTRATOR_JOURNAL": database.url(self.port)}
