"""Events of the shop: whose they are, and who hears them, where a NATS server is started.

``make run CHANNEL=nats`` starts one for commands, and so the same server holds events. The orchestrator tells there
what its sagas tell; email, warehouse, rewards and loyalty hear it. Loyalty takes part in no saga, so it is started for
this alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.addresses import split_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.shop.demo.addresses import Addresses
    from orchestrator.shop.demo.channels import Channels

LOYALTY: Final = "loyalty"
WAREHOUSE: Final = "warehouse"
COMMAND: Final = f"exec python -m services.{LOYALTY}"
"""What a shell runs for the fourth subscriber."""

_SUBSCRIBERS: Final = ("email", WAREHOUSE, "rewards", LOYALTY)
_PREFIX: Final = "events"


class Events(NamedTuple):
    """Where events are, and where loyalty listens.

    Attributes:
        broker: ``host:port`` of the NATS server.
        loyalty: ``host:port`` of the service.
        orchestrator: ``host:port`` where loyalty starts its sagas.
    """

    broker: str
    loyalty: str
    orchestrator: str

    @classmethod
    def wanted(cls, addresses: Addresses, channels: Channels) -> Events | None:
        """Beside the broker of the channels; ``None`` where there is none."""
        if not channels.broker:
            return None
        host, port = split_address(channels.broker)
        return cls(channels.broker, f"{host}:{int(port) + 1}", addresses.orchestrator)

    @property
    def addresses(self) -> dict[str, str]:
        """Of what has to be there first: nothing, for events wait."""
        return {}

    @property
    def listening(self) -> dict[str, str]:
        """All that is listened on because of them, by what listens there."""
        return {LOYALTY: self.loyalty}

    @property
    def commands(self) -> dict[str, str]:
        """What a shell runs because of them, by the name of the process."""
        return {LOYALTY: COMMAND}

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that make the orchestrator tell events, and the services hear them."""
        url = f"nats://{self.broker}/{_PREFIX}"
        return {
            "ORCHESTRATOR_EVENTS_SINKS": f"shop={url}",
            **{f"{name.upper()}_EVENTS": url for name in _SUBSCRIBERS},
            f"{LOYALTY.upper()}_LISTEN": self.loyalty,
            f"{LOYALTY.upper()}_ORCHESTRATOR": self.orchestrator,
        }
