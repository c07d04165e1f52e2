"""Who takes part in the shop, and where each process listens."""

from __future__ import annotations

import itertools
import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.contract.addresses import console_address, default_address
from orchestrator.shop.demo.procfile import ORCHESTRATOR, SERVICES
from orchestrator.shop.place_order import place_order
from saga.v1 import saga_service_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

_HIGHEST_PORT: Final = 65_535
# The system gives these to nobody who asks for any port, so they are still free when a process has started.
_LOW_PORTS: Final = range(20_000, 32_000)
_PORTS: Final = itertools.islice(itertools.cycle(_LOW_PORTS), secrets.randbelow(len(_LOW_PORTS)), None)
_CONTRACTS: Final = {each.service.file.package.split(".")[1]: each.service for each in place_order.participants}


@dataclass(frozen=True)
class Addresses:
    """``host:port`` of the orchestrator, of its console and, by name, of each service."""

    orchestrator: str
    console: str
    services: Mapping[str, str]

    @classmethod
    def configured(cls) -> Addresses:
        """Those that the processes take as the environment is: set, else the contract's own."""
        usual = cls.by_contract()
        orchestrator = os.environ.get("ORCHESTRATOR_LISTEN", usual.orchestrator)
        return cls(
            orchestrator,
            os.environ.get("ORCHESTRATOR_CONSOLE_LISTEN", console_address(orchestrator)),
            {name: os.environ.get(_variable(name), address) for name, address in usual.services.items()},
        )

    @classmethod
    def by_contract(cls) -> Addresses:
        """Those that the contracts name."""
        api = default_address(saga_service_pb2.DESCRIPTOR.services_by_name["SagaService"])
        return cls(api, console_address(api), {name: default_address(_CONTRACTS[name]) for name in SERVICES})

    @classmethod
    def moved(cls, base: int) -> Addresses:
        """The contracts' own ports, all of them moved so that the orchestrator's is this one.

        Raises:
            ValueError: there are no such ports.
        """
        usual = cls.by_contract()
        first = int(usual.orchestrator.rpartition(":")[2])

        def at(address: str) -> str:
            host, _, port = address.rpartition(":")
            return f"{host}:{base + int(port) - first}"

        services = {name: at(address) for name, address in usual.services.items()}
        moved = cls(at(usual.orchestrator), console_address(at(usual.orchestrator)), services)
        if any(not 0 < int(address.rpartition(":")[2]) <= _HIGHEST_PORT for address in moved.all.values()):
            raise ValueError(f"{base} and the {len(SERVICES)} ports after it must lie between 1 and {_HIGHEST_PORT}")
        return moved

    @classmethod
    def free(cls) -> Addresses:
        """Ports of this machine that no process uses now."""
        orchestrator, console, *services = (f"127.0.0.1:{port}" for port in free_ports(len(SERVICES) + 2))
        return cls(orchestrator, console, dict(zip(SERVICES, services, strict=True)))

    @property
    def all(self) -> dict[str, str]:
        """By the name of the process."""
        return {ORCHESTRATOR: self.orchestrator, **self.services}

    @property
    def listening(self) -> dict[str, str]:
        """All that the processes listen on, by what listens there."""
        return self.all | ({"console": self.console} if self.console else {})

    @property
    def environment(self) -> dict[str, str]:
        """The settings that make the processes listen there, and find each other."""
        participants = (f"{full_name(name)}={address}" for name, address in self.services.items())
        return {
            "ORCHESTRATOR_LISTEN": self.orchestrator,
            "ORCHESTRATOR_CONSOLE_LISTEN": self.console,
            "ORCHESTRATOR_PARTICIPANTS": ",".join(participants),
            **{_variable(name): address for name, address in self.services.items()},
        }


def full_name(service: str) -> str:
    """The full name of the gRPC service of that name."""
    return _CONTRACTS[service].full_name


def free_ports(number: int) -> list[int]:
    """So many ports of this machine that no process uses now, and that the next call does not give again."""
    return list(itertools.islice(filter(_is_free, _PORTS), number))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: connections that end do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def settings_removed(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what could make our processes behave otherwise than by default."""
    make = ("MAKE", "MFLAGS", "REPLICAS", "CHANNEL", "ENGINE")
    prefixes = ("OTEL_", "PORT_BASE", "ORCHESTRATOR_", "SHOP_", "STATE_DIR")
    ours = (*make, *prefixes, *(f"{name.upper()}_" for name in SERVICES))
    return {name: value for name, value in environment.items() if not name.startswith(ours)}


def _variable(name: str) -> str:
    return f"{name.upper()}_LISTEN"
