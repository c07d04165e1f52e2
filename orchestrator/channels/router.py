"""Chooses the channel to each participant by the scheme of its address.

::

    grpc://payment:50105 ─┐
    payment:50105 ────────┴─▶ "grpc" ─▶ one channel for each address, shared by the services behind it
    https://payment/v1 ─────▶ "https"
    nats://broker/commands ─▶ "nats"
    amqp://broker ──────────▶ unknown: refused before anything starts

A kind of channel joins by a line in the table that the router is made with. A command costs nothing more for the
router: what delivers it is asked for once, at start-up, and comes from the channel itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from orchestrator.contract.addresses import split_scheme
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.contract.command import Command
    from orchestrator.ports.channel import Caller, Channel

C = TypeVar("C")


class Router:
    """The way to the participants of the served sagas; see :class:`orchestrator.ports.channel.Participants`.

    Args:
        addresses: where each service is, by its full name: ``grpc://host:port``, or ``host:port`` alone.
        kinds: what opens a channel, by the scheme; it is given the address without the scheme.

    Raises:
        SettingsError: an address has a scheme for which there is no channel, or nothing behind it.
    """

    def __init__(self, addresses: Mapping[str, str], kinds: Mapping[str, Callable[[str], Channel]]) -> None:
        _refuse_unreachable(addresses, kinds)
        parts = {service: split_scheme(address) for service, address in addresses.items()}
        self._channels = {(scheme, target): kinds[scheme](target) for scheme, target in dict.fromkeys(parts.values())}
        self._by_service = {service: self._channels[part] for service, part in parts.items()}

    def caller(self, command: Command) -> Caller:
        """See the port."""
        return self._by_service[command.service].caller(command)

    async def is_serving(self, service: str) -> bool | None:
        """See the port."""
        return await self._by_service[service].is_serving(service)

    def of_kind(self, kind: type[C]) -> dict[str, C]:
        """The channels of one class, by the full name of each service that is reached over it."""
        return {service: channel for service, channel in self._by_service.items() if isinstance(channel, kind)}

    async def close(self) -> None:
        """Close every channel."""
        for channel in self._channels.values():
            await channel.close()


def _refuse_unreachable(addresses: Mapping[str, str], schemes: Mapping[str, object]) -> None:
    parts = {f"{service}={address}": split_scheme(address) for service, address in addresses.items()}
    if wrong := [told for told, (scheme, target) in parts.items() if scheme not in schemes or not target]:
        known = ", ".join(f"{scheme}://host:port" for scheme in sorted(schemes))
        raise SettingsError(
            f"ORCHESTRATOR_PARTICIPANTS: no channel leads to {', '.join(wrong)}; there are: {known}; host:port alone "
            "means grpc://host:port"
        )
