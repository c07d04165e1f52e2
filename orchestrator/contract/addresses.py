"""Where a service is found unless a setting says otherwise: its contract's ``google.api.default_host``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api import client_pb2
from google.protobuf import descriptor_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor


def default_address(service: ServiceDescriptor) -> str:
    """``host:port``, or empty where the contract names none."""
    options = descriptor_pb2.ServiceOptions.FromString(service.GetOptions().SerializeToString())
    return str(options.Extensions[client_pb2.default_host])
