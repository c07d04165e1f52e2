"""Events of ``make run``: there, where a broker is."""

from __future__ import annotations

import pytest

from orchestrator.shop.demo.addresses import Addresses
from orchestrator.shop.demo.channels import Channels
from orchestrator.shop.demo.events import Events

BY_CONTRACT = Addresses.by_contract()


def wanted(channel: str) -> tuple[Events | None, Channels]:
    channels = Channels.wanted(BY_CONTRACT, {"CHANNEL": channel, "STATE_DIR": "state"})
    return Events.wanted(BY_CONTRACT, channels), channels


@pytest.mark.parametrize("channel", ["", "grpc", "http"])
def test_without_a_broker_nobody_tells_events(channel: str) -> None:
    events, _ = wanted(channel)
    assert events is None


@pytest.mark.parametrize("channel", ["nats", "mixed"])
def test_where_a_broker_is_the_orchestrator_tells_events_and_four_services_hear_them(channel: str) -> None:
    events, _ = wanted(channel)
    assert events is not None
    url = "nats://127.0.0.1:50112/events"
    hears = {name for name, value in events.environment.items() if value == url}
    assert hears == {f"{name}_EVENTS" for name in ("EMAIL", "WAREHOUSE", "REWARDS", "LOYALTY")}
    assert events.environment["ORCHESTRATOR_EVENTS_SINKS"] == f"shop={url}"
    assert events.commands == {"loyalty": "exec python -m services.loyalty"}


def test_loyalty_listens_where_nobody_else_does() -> None:
    events, channels = wanted("mixed")
    assert events is not None
    others = channels.listening | BY_CONTRACT.listening
    assert events.listening["loyalty"] == events.environment["LOYALTY_LISTEN"]
    assert events.listening["loyalty"] not in others.values()
