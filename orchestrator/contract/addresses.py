"""The address of a service, and the options that a channel to it needs.

Without a setting, the contract's ``google.api.default_host`` is the address. An address on loopback is reached without
a proxy: gRPC takes ``http_proxy`` from the environment for every address, and a company's proxy cannot reach loopback.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from google.api import client_pb2
from google.protobuf import descriptor_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor

NATS: Final = "nats"
TLS: Final = "tls"
"""The schemes of addresses behind which there is NATS; the second one is encrypted."""

GRPC: Final = "grpc"
"""The scheme of addresses that have none."""

HTTP: Final = "http"
HTTPS: Final = "https"
"""The schemes of participants that are reached over HTTP."""

# What gRPC itself resolves: it is given such an address as it is.
_RESOLVED_BY_GRPC: Final = frozenset({"dns", "unix", "unix-abstract", "ipv4", "ipv6", "vsock", "xds"})

ChannelOptions = tuple[tuple[str, int], ...]

_CONSOLE_ABOVE: Final = 80
_HIGHEST_PORT: Final = 65_535

_NO_PROXY: Final[ChannelOptions] = (("grpc.enable_http_proxy", 0),)


def default_address(service: ServiceDescriptor) -> str:
    """``host:port``, or empty where the contract names none."""
    options = descriptor_pb2.ServiceOptions.FromString(service.GetOptions().SerializeToString())
    return str(options.Extensions[client_pb2.default_host])


def split_scheme(address: str) -> tuple[str, str]:
    """Which kind of channel an address asks for, and what that channel is told of it.

    ``grpc://payment:50105`` and ``payment:50105`` are both ``("grpc", "payment:50105")``. Addresses in the words of
    gRPC's own resolvers, such as ``dns:///payment:50105``, are gRPC's, too.
    """
    scheme, found, rest = address.partition("://")
    if not found or scheme in _RESOLVED_BY_GRPC:
        return GRPC, address
    return scheme.lower(), rest.rstrip("/")


def connected_to(address: str) -> str:
    """To what a connection is made for an address: without its scheme, a path over HTTP, and a prefix over NATS."""
    scheme, target = split_scheme(address)
    return target.partition("/")[0] if scheme in (HTTP, HTTPS, NATS, TLS) else target


def split_address(address: str) -> tuple[str, str]:
    """The host, without the brackets of an IPv6 one, and the port; either may be empty. Scheme and path are dropped."""
    rest = connected_to(address).rstrip("/").rpartition("/")[2]
    rest = rest.removeprefix("dns:").removeprefix("ipv4:").removeprefix("ipv6:")
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        host, port = rest, ""
    return host.strip("[]"), port


def is_loopback(address: str) -> bool:
    """The address is this machine's own: ``localhost``, ``127.0.0.1:50100``, ``[::1]:50100``, a socket's path.

    So is ``0.0.0.0:50100``, for one who calls it. One who listens there is reached from other machines, too.
    """
    if address.startswith("unix"):
        return True
    host, _ = split_address(address)
    if host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_loopback or ip.is_unspecified


def channel_options(address: str, *options: tuple[str, int]) -> ChannelOptions:
    """The options of a channel to an address: the given ones, and those that a loopback address needs."""
    return (*options, *_NO_PROXY) if is_loopback(address) else options


def console_address(listen: str) -> str:
    """Where the console of an orchestrator is that listens at ``host:port``: on this machine, 80 ports above.

    Below, where there is no such port; and where the system chooses the one port, it chooses the other one, too.
    """
    port = int(split_address(listen)[1] or 0)
    above = port + _CONSOLE_ABOVE
    return f"127.0.0.1:{0 if not port else above if above <= _HIGHEST_PORT else port - _CONSOLE_ABOVE}"
