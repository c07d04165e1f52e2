"""By which channel the orchestrator of ``make run`` and ``make demo`` reaches each service."""

from __future__ import annotations

import pytest

from orchestrator.shop.demo.addresses import Addresses
from orchestrator.shop.demo.channels import Channels
from orchestrator.shop.demo.procfile import SERVICES

BY_CONTRACT = Addresses.by_contract()
INVENTORY = "shop.inventory.v1.InventoryService"


def wanted(channel: str) -> Channels:
    return Channels.wanted(BY_CONTRACT, {"CHANNEL": channel, "STATE_DIR": "state"})


def participants(channels: Channels) -> dict[str, str]:
    listed = channels.environment["ORCHESTRATOR_PARTICIPANTS"].split(",")
    return dict(each.split("=", 1) for each in listed)


@pytest.mark.parametrize("channel", ["", "grpc"])
def test_without_a_channel_nothing_is_different(channel: str) -> None:
    channels = wanted(channel)
    assert participants(channels)[INVENTORY] == "127.0.0.1:50103"
    assert set(channels.environment) == {"ORCHESTRATOR_PARTICIPANTS"}
    assert (channels.listening, channels.commands, str(channels)) == ({}, {}, "")


def test_over_http_each_service_listens_at_a_port_of_its_own() -> None:
    channels = wanted("http")
    assert participants(channels)[INVENTORY] == "http://127.0.0.1:50123"
    assert channels.environment["INVENTORY_HTTP"] == "127.0.0.1:50123"
    assert len(set(channels.listening.values()) | set(BY_CONTRACT.listening.values())) == 2 * len(SERVICES) + 2
    assert (channels.commands, str(channels)) == ({}, ", reached over HTTP")


def test_over_nats_all_services_share_a_broker_that_is_there_first() -> None:
    channels = wanted("NATS ")
    assert set(participants(channels).values()) == {"nats://127.0.0.1:50112/commands"}
    assert channels.environment["INVENTORY_NATS"] == "nats://127.0.0.1:50112/commands"
    assert channels.addresses == {"broker": "127.0.0.1:50112"}
    assert channels.commands["broker"].endswith("state/nats' 127.0.0.1:50112")


def test_a_mixture_has_services_over_each_channel() -> None:
    channels = wanted("mixed")
    schemes = {
        address.partition("://")[0] if "://" in address else "grpc" for address in participants(channels).values()
    }
    assert schemes == {"grpc", "http", "nats"}
    assert str(channels) == ", reached over gRPC, HTTP and NATS"


def test_ports_that_are_free_are_another_one_for_each() -> None:
    channels = Channels.free(BY_CONTRACT, {"CHANNEL": "mixed"})
    places = list(channels.listening.values())
    assert len(set(places)) == len(places) == len(channels.http) + 1


def test_a_channel_that_there_is_not_is_an_error_which_names_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="expected grpc, http, nats, mixed, not 'pigeon'"):
        wanted("pigeon")
