"""Compares the contracts of live participants with those known here: before anything starts, and when one comes back.

What differs on the wire keeps the orchestrator from starting; what differs in words is told in the log. Once it runs,
sagas are under way, and it does not stop for what a deploy has changed: that is told in the log too.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.channels.grpc.reflection import describe
from orchestrator.contract.drift import Drift, check_drift
from orchestrator.contract.violation import Violation
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.channels.grpc.channel import GrpcChannel

_log = logging.getLogger(__name__)


class Compared(NamedTuple):
    """One service: what differs, and why it could not be compared, if it could not."""

    drift: Drift
    why: str = ""


class LiveContracts:
    """The contracts of live participants.

    Args:
        services: the known ones.
        channels: the ways to them, by the full name; what is not reached over gRPC is not compared.
        sent: the full names of the rpcs that sagas may send; others are not compared.
    """

    def __init__(
        self, services: Iterable[ServiceDescriptor], channels: Mapping[str, GrpcChannel], sent: Container[str]
    ) -> None:
        self._services = {service.full_name: service for service in services}
        self._channels = channels
        self._sent = sent
        self._comparing: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, list[str]] = {}

    async def refuse_drift(self) -> None:
        """Compare them all.

        Raises:
            DefinitionError: some differ on the wire, or are not served where they should be.
        """
        compared = await self.compare_all()
        for service, each in compared.items():
            self._warn(service, each.drift.warnings)
        if errors := [str(violation) for each in compared.values() for violation in each.drift.errors]:
            hint = "deploy one contract, set the right address, or start with --no-drift-check"
            raise DefinitionError("\n".join(["not served, because live participants differ:", *errors, hint]))
        if uncompared := [f"{service} ({each.why})" for service, each in compared.items() if each.why]:
            _log.info("contracts not compared with the live ones: %s", ", ".join(uncompared))

    async def compare_all(self) -> dict[str, Compared]:
        """Compare them all; what came of each, by its full name."""
        compared = await asyncio.gather(*map(self._compare, self._services.values()))
        return dict(zip(self._services, compared, strict=True))

    def compare_again(self, service: str) -> None:
        """A participant that was away is back, perhaps with another contract: say so, if it is."""
        if service in self._services and service not in self._comparing:
            task = self._comparing[service] = asyncio.ensure_future(self._tell(self._services[service]))
            task.add_done_callback(lambda _: self._comparing.pop(service, None))

    async def compared(self) -> None:
        """Wait until those that came back are compared."""
        await asyncio.gather(*self._comparing.values(), return_exceptions=True)

    async def close(self) -> None:
        """Compare no more."""
        for task in self._comparing.values():
            task.cancel()
        await self.compared()

    async def _tell(self, known: ServiceDescriptor) -> None:
        drift, _ = await self._compare(known)
        for violation in drift.errors:
            _log.error("a participant came back with another contract: %s", violation)
        self._warn(known.full_name, drift.warnings)

    async def _compare(self, known: ServiceDescriptor) -> Compared:
        name = known.full_name
        channel = self._channels.get(name)
        if channel is None:
            return Compared(Drift([], []), "not reached over gRPC")
        live = await describe(channel.current, name)
        if live.serves is not None and name not in live.serves:
            others = ", ".join(sorted(each for each in live.serves if not each.startswith("grpc."))) or "nothing"
            message = f"the server at {channel.address} does not serve it; it serves {others}"
            return Compared(Drift([Violation(known.file.name, 0, name, "live-serves-service", message)], []))
        if live.contract is None:
            return Compared(Drift([], []), live.why)
        return Compared(check_drift(known, live.contract, self._sent))

    def _warn(self, service: str, warnings: list[Violation]) -> None:
        """Tell what differs in words, once for each time that it becomes so."""
        told = [str(violation) for violation in warnings]
        if told != self._told.get(service):
            for line in told:
                _log.warning("a live participant's contract differs in words: %s", line)
        self._told[service] = told
