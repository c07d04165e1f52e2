"""``CHANNEL=nats|http|mixed``: by which channel the orchestrator reaches each service.

| ``CHANNEL`` | the services                                        | what they need                          |
|-------------|-----------------------------------------------------|-----------------------------------------|
| ``grpc``    | over gRPC, as without it                            | nothing                                 |
| ``http``    | over HTTP, each at a port beside that of gRPC       | nothing                                 |
| ``nats``    | over NATS                                           | a NATS server, which is started, too    |
| ``mixed``   | over gRPC, NATS and HTTP in turn                    | the same                                |

The services answer over gRPC all the same: so the demo asks them what they have in their books.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.shop.demo import broker
from orchestrator.shop.demo.addresses import free_ports, full_name
from orchestrator.shop.demo.procfile import ROOT, SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.shop.demo.addresses import Addresses

GRPC: Final = "grpc"
HTTP: Final = "http"
NATS: Final = "nats"
MIXED: Final = "mixed"

_IN_TURN: Final = {GRPC: (GRPC,), HTTP: (HTTP,), NATS: (NATS,), MIXED: (GRPC, NATS, HTTP)}
_PREFIX: Final = "commands"
_HTTP_ABOVE: Final = 20
"""So many ports above that of gRPC a service listens for HTTP."""
_BROKER_ABOVE: Final = 2
"""So many ports above that of the last service the broker listens; the database of replicas is between the two."""


class ChannelsMissingError(Exception):
    """What the channels need could not be made; the message is what the command has said."""


@dataclass(frozen=True)
class Channels:
    """How the services are reached.

    Attributes:
        grpc: where they listen for gRPC, by their names.
        http: the same for HTTP, of those that are reached so.
        queued: those that are reached over NATS.
        broker: where the broker listens; empty for none.
        folder: of the broker's files.
    """

    grpc: Mapping[str, str]
    http: Mapping[str, str]
    queued: frozenset[str]
    broker: str
    folder: Path

    @classmethod
    def wanted(cls, addresses: Addresses, environment: Mapping[str, str]) -> Channels:
        """As ``CHANNEL`` says, on ports beside those of the services.

        Raises:
            ValueError: there is no such channel.
        """
        by_name = _chosen(environment)
        http = {name: _above(addresses.services[name], _HTTP_ABOVE) for name, by in by_name.items() if by == HTTP}
        last = max(addresses.all.values(), key=lambda address: int(address.rpartition(":")[2]))
        return cls._of(addresses, by_name, http, _above(last, _BROKER_ABOVE), environment)

    @classmethod
    def free(cls, addresses: Addresses, environment: Mapping[str, str]) -> Channels:
        """The same, on ports that no process uses now."""
        by_name = _chosen(environment)
        over_http = [name for name, by in by_name.items() if by == HTTP]
        place, *places = (f"127.0.0.1:{port}" for port in free_ports(len(over_http) + 1))
        return cls._of(addresses, by_name, dict(zip(over_http, places, strict=True)), place, environment)

    @classmethod
    def _of(
        cls,
        addresses: Addresses,
        by_name: Mapping[str, str],
        http: Mapping[str, str],
        place: str,
        environment: Mapping[str, str],
    ) -> Channels:
        queued = frozenset(name for name, by in by_name.items() if by == NATS)
        folder = (ROOT / Path(environment.get("STATE_DIR", ".state")) / "nats").resolve()
        return cls(addresses.services, http, queued, place if queued else "", folder)

    def __str__(self) -> str:
        """By which channels, where they are not all gRPC; else nothing."""
        over = [each for each, names in (("HTTP", self.http), ("NATS", self.queued)) if names]
        mixed = "" if len(self.http) + len(self.queued) == len(self.grpc) else "gRPC, "
        return f", reached over {mixed}{' and '.join(over)}" if over else ""

    @property
    def addresses(self) -> dict[str, str]:
        """Of what has to be there first, by the name of the process."""
        return {broker.NAME: self.broker} if self.broker else {}

    @property
    def listening(self) -> dict[str, str]:
        """All that is listened on because of them, by what listens there."""
        return {**{f"{name}, HTTP": address for name, address in self.http.items()}, **self.addresses}

    @property
    def commands(self) -> dict[str, str]:
        """What a shell runs for what has to be there first, by the name of the process."""
        return {broker.NAME: broker.command(self.folder, self.broker)} if self.broker else {}

    @property
    def environment(self) -> dict[str, str]:
        """The settings that make the services listen so, and the orchestrator reach them so."""
        participants = (f"{full_name(name)}={self._url(name)}" for name in SERVICES)
        queue = self._queue()
        return {
            "ORCHESTRATOR_PARTICIPANTS": ",".join(participants),
            **{f"{name.upper()}_HTTP": address for name, address in self.http.items()},
            **{f"{name.upper()}_NATS": queue for name in self.queued},
        }

    async def create(self, environment: Mapping[str, str]) -> None:
        """Make what the channels need at the broker, once it listens.

        Args:
            environment: of the orchestrator, whole.

        Raises:
            ChannelsMissingError: it could not be made.
        """
        if not self.broker:
            return
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
        creating = await asyncio.create_subprocess_shell(
            f"exec {broker.CREATE} --sagas orchestrator.shop",
            cwd=ROOT,
            env={**environment, "PATH": path},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await creating.communicate()
        if creating.returncode:
            raise ChannelsMissingError(f"{broker.CREATE} failed: {said.decode(errors='replace').strip()}")

    def _url(self, name: str) -> str:
        if name in self.queued:
            return self._queue()
        return f"http://{self.http[name]}" if name in self.http else self.grpc[name]

    def _queue(self) -> str:
        return f"nats://{self.broker}/{_PREFIX}"


def _chosen(environment: Mapping[str, str]) -> dict[str, str]:
    """By the names of the services.

    Raises:
        ValueError: there is no such channel.
    """
    channel = environment.get("CHANNEL", "").strip().lower() or GRPC
    if channel not in _IN_TURN:
        raise ValueError(f"expected {', '.join(_IN_TURN)}, not {channel!r}")
    return dict(zip(SERVICES, itertools.cycle(_IN_TURN[channel]), strict=False))


def _above(address: str, ports: int) -> str:
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + ports}"
