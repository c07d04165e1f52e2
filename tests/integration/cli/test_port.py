"""One port for several processes of ours, and for nobody else."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from orchestrator.cli.processes.port import hold_port
from orchestrator.errors import SettingsError


def shared(address: str) -> socket.socket:
    """A process of ours, or a stranger of the same user, that listens there as gRPC does, and shares the port."""
    host, _, port = address.rpartition(":")
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((host, int(port)))
    listening.listen()
    return listening


def test_processes_share_a_port_that_is_held() -> None:
    held, address = hold_port("127.0.0.1:0")
    with closing(held), shared(address), shared(address):
        pass


def test_a_port_that_somebody_shares_with_everybody_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*free.getsockname())
    with shared(address), pytest.raises(SettingsError, match=r"port \d+ is in use; set ORCHESTRATOR_LISTEN to another"):
        hold_port(address)


def test_a_port_that_is_held_is_kept_while_nobody_listens_there() -> None:
    held, address = hold_port("127.0.0.1:0")
    with closing(held), pytest.raises(SettingsError, match="is in use"):
        hold_port(address)


def test_a_port_is_free_again_although_its_last_connection_was_closed_by_us() -> None:
    held, address = hold_port("127.0.0.1:0")
    host, _, port = address.rpartition(":")
    with closing(held), shared(address) as listening, socket.create_connection((host, int(port))) as customer:
        accepted, _ = listening.accept()
        accepted.close()
        assert customer.recv(1) == b""
    again, same = hold_port(address)
    again.close()
    assert same == address


@pytest.mark.parametrize("address", ["no.such.host.invalid:1", "192.0.2.1:0"])
def test_an_address_that_is_not_ours_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=f"cannot listen on {address}: "):
        hold_port(address)
