"""The options of a channel that depend on its address."""

from __future__ import annotations

import pytest

from orchestrator.contract.addresses import channel_options, is_loopback, split_address, split_scheme

NO_PROXY = ("grpc.enable_http_proxy", 0)
ALONE = ("grpc.enable_retries", 0)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:50100",
        "127.1.2.3:1",
        "localhost:4317",
        "LOCALHOST:1",
        "payment.localhost:1",
        "[::1]:50100",
        "[::ffff:127.0.0.1]:50100",
        "0.0.0.0:50100",
        "[::]:50100",
        "ipv4:127.0.0.1:50100",
        "dns:///localhost:50100",
        "unix:/run/payment.sock",
        "http://127.0.0.1:8000/payment:1",
    ],
)
def test_a_channel_to_this_machine_asks_no_proxy(address: str) -> None:
    assert is_loopback(address)
    assert channel_options(address, ALONE) == (ALONE, NO_PROXY)


@pytest.mark.parametrize("address", ["payment:50105", "10.0.0.7:50105", "[2001:db8::1]:1", "localhost.example:1", ""])
def test_a_channel_to_another_machine_honours_the_proxy(address: str) -> None:
    assert not is_loopback(address)
    assert channel_options(address, ALONE) == (ALONE,)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("payment:50105", ("payment", "50105")),
        ("[::1]:50105", ("::1", "50105")),
        ("dns:///payment:50105", ("payment", "50105")),
        ("grpc://payment:50105", ("payment", "50105")),
        ("grpc://payment:50105/", ("payment", "50105")),
        ("payment", ("payment", "")),
        ("http://payment:50105", ("payment", "50105")),
        ("http://payment:50105/shop/v1", ("payment", "50105")),
        ("https://payment/shop/", ("payment", "")),
        ("http://[::1]:50105/shop", ("::1", "50105")),
    ],
)
def test_an_address_has_a_host_and_a_port(address: str, parts: tuple[str, str]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("payment:50105", ("grpc", "payment:50105")),
        ("grpc://payment:50105", ("grpc", "payment:50105")),
        ("GRPC://payment:50105/", ("grpc", "payment:50105")),
        ("[::1]:50105", ("grpc", "[::1]:50105")),
        ("dns:///payment:50105", ("grpc", "dns:///payment:50105")),
        ("dns://8.8.8.8/payment:50105", ("grpc", "dns://8.8.8.8/payment:50105")),
        ("unix:/run/payment.sock", ("grpc", "unix:/run/payment.sock")),
        ("unix:///run/payment.sock", ("grpc", "unix:///run/payment.sock")),
        ("nats://broker:4222", ("nats", "broker:4222")),
        ("https://payment.example/v1", ("https", "payment.example/v1")),
    ],
)
def test_an_address_without_a_scheme_of_ours_is_grpcs(address: str, parts: tuple[str, str]) -> None:
    assert split_scheme(address) == parts
